import { pointsText, probabilityText, rangeText, scoreText, verdictWords } from '../presentation/statistics';
import { studentGroups } from './answer';
import { type Curve, type CurvePoint, curveChart, type Spread, spreadChart } from './charts';
import type { ReportData } from './fetch';
import { type Column, type Html, html, inParts, section, table } from './html';
import type { Comparison, Group, Pair, Series } from './queries';
import { momentText } from './words';

const kindMark = ({ verdict: { kind } }: Pair): Html =>
  html`<span class="${verdictWords[kind]}">${verdictWords[kind]}</span>`;

/** Means with their intervals, and what each variant comes to beside the baseline. */
export function resultsSection(data: ReportData): Html {
  const { accuracy, macroF1, at } = data;
  const places = new Map(accuracy.groups.map(({ id }, place) => [id, place]));
  const baseline = accuracy.groups.find(({ id }) => id === accuracy.baseline);
  return section(
    'results',
    'Results',
    html`<p>Every value is that of a run ${momentText(at)}; a variant is described over its seeds.</p>`,
    [['Test accuracy', accuracy] as const, ['Test macro F1', macroF1] as const].map(([title, comparison]) => [
      html`<h3>${title}</h3>`,
      groupTable(title, comparison, baseline?.name ?? null),
      spreadChart(
        title,
        comparison.groups.map((group) => spreadOf(group, places)),
      ),
    ]),
  );
}

const spreadOf = (group: Group, places: ReadonlyMap<string, number>): Spread => ({
  ...group,
  place: places.get(group.id) ?? 0,
});

function groupTable(title: string, { groups, pairs, baseline }: Comparison, baselineName: string | null): Html {
  const pairOf = (group: Group) =>
    pairs.find(({ groupId, againstId }) => groupId === group.id && againstId === baseline);
  const columns: Column<Group>[] = [
    { heading: 'Variant', kind: 'name', cell: ({ name }) => name },
    { heading: 'n', cell: ({ n, missing }) => (missing.length > 0 ? `${n} of ${n + missing.length}` : n) },
    { heading: 'Mean', cell: ({ mean }) => scoreText(mean) },
    { heading: 'SD', cell: ({ standardDeviation }) => scoreText(standardDeviation) },
    { heading: '95 % interval', cell: ({ interval }) => rangeText(interval) },
    { heading: 'Points over baseline', cell: (group) => pointsText(pairOf(group)?.difference ?? null) },
    { heading: 'Holm p', cell: (group) => probabilityText(pairOf(group)?.tTest?.holmP ?? null) },
    {
      heading: 'Verdict',
      kind: 'text',
      cell: (group) => {
        const pair = pairOf(group);
        return pair ? kindMark(pair) : group.id === baseline ? 'baseline' : '–';
      },
    },
  ];
  return table(`${title} by variant${baselineName === null ? '' : `, against ${baselineName}`}`, columns, groups);
}

/** Every test of every pair. */
export function pairsSection({ accuracy, macroF1 }: ReportData): Html {
  return section(
    'tests',
    'Tests of all pairs',
    pairTable('Test accuracy', accuracy),
    pairTable('Test macro F1', macroF1),
    html`<p class="quiet">Differences are the first variant minus the second, over the seeds that both have, in points (hundredths).</p>
<dl>${testNotes(accuracy).map(([term, note]) => html`<dt>${term}</dt><dd>${note}</dd>`)}</dl>`,
  );
}

function testNotes({ families, pairs }: Comparison): [string, string][] {
  const resampled = pairs.find(({ bootstrap }) => bootstrap !== null)?.bootstrap;
  return [
    ['95 %', "Interval of the mean difference by Student's t, each for its pair alone."],
    ['t, p', "Student's t test of the differences by seed, two-sided."],
    [
      'Holm p',
      `Corrected for all tests of one kind in the table: ${families.tTests} t tests, ${families.wilcoxons} Wilcoxon, ${families.mcNemars} McNemar. The verdict follows that of the t test, at 5 %.`,
    ],
    ['Wilcoxon', 'Signed-rank test of the differences; exact up to 50 seeds, differences of 0 dropped.'],
    ['g', "Effect size: Cohen's d_z with the correction of Hedges for few seeds."],
    [
      'McNemar',
      'On the stored predictions, seed by seed: exact below 25 discordant rows, else chi-square with continuity correction. Combined over seeds by the rule of Rüger, which holds although all seeds share their rows.',
    ],
    [
      'Bootstrap',
      `Seeds and test rows drawn anew${resampled ? ` (${resampled.resamples} times, ${resampled.rows} rows)` : ''}, the same draw for both variants: speaks of other test rows, too.`,
    ],
    [
      'Seeds for 1 point',
      'How many it would take to find a true difference of one point in 4 of 5 such comparisons, should the differences go on to spread as they do.',
    ],
  ];
}

function pairTable(title: string, { pairs }: Comparison): Html {
  // Headings are broken by hand: a table gives its width to long ones, and breaks the cells.
  const columns: Column<Pair>[] = [
    { heading: 'Pair', kind: 'name', cell: ({ name, againstName }) => inParts(`${name} −`, againstName) },
    { heading: 'Seeds', cell: ({ seeds }) => seeds.length },
    {
      heading: 'Points (95\u00a0%)',
      cell: ({ difference, interval }) =>
        inParts(pointsText(difference), interval && `(${rangeText(interval, pointsText)})`),
    },
    { heading: 't', cell: ({ tTest }) => tTest?.statistic.toFixed(2).replace('-', '−') ?? '–' },
    { heading: 'p', cell: ({ tTest }) => probabilityText(tTest?.p ?? null) },
    { heading: html`Holm<br>p`, cell: ({ tTest }) => probabilityText(tTest?.holmP ?? null) },
    { heading: html`Wilcoxon<br>Holm p`, cell: ({ wilcoxon }) => probabilityText(wilcoxon?.holmP ?? null) },
    { heading: 'g', cell: ({ effectSize }) => effectSize?.hedgesGz?.toFixed(2).replace('-', '−') ?? '–' },
    { heading: html`McNemar<br>Holm p`, cell: ({ mcNemar }) => probabilityText(mcNemar?.holmP ?? null) },
    {
      heading: html`Bootstrap<br>95\u00a0%`,
      cell: ({ bootstrap }) => rangeText(bootstrap?.interval ?? null, pointsText),
    },
    { heading: html`Seeds for<br>1\u00a0point`, cell: ({ seedsForPoint }) => seedsForPoint ?? '–' },
    { heading: 'Verdict', kind: 'text', cell: kindMark },
  ];
  const tested = (pair: Pair) => Number(pair.tTest !== null);
  return table(
    `${title}: every pair`,
    columns,
    [...pairs].sort((a, b) => tested(b) - tested(a)),
  );
}

/** How the variants got there: over epochs, and over the time they took. */
export function curvesSection(data: ReportData): Html {
  const { accuracy, macroF1, history } = data;
  const students = new Set(studentGroups(data).map(({ id }) => id));
  const charts = (['epoch', 'seconds'] as const).flatMap((over) =>
    (
      [
        ['Test accuracy', accuracy],
        ['Test macro F1', macroF1],
      ] as const
    ).map(([yLabel, { groups, metric }]) =>
      curveChart({
        title: `${yLabel} over ${over === 'epoch' ? 'epochs' : 'wall-clock time'}`,
        xLabel: over === 'epoch' ? 'epoch' : 'seconds of training (mean over seeds)',
        wholeTicks: over === 'epoch',
        yLabel,
        curves: groups.flatMap((group, place) =>
          students.has(group.id) ? [curveOf(group, place, history, metric, over)] : [],
        ),
        references: groups.flatMap(({ id, name, mean: value }) =>
          students.has(id) || value === null ? [] : [{ name, value }],
        ),
      }),
    ),
  );
  return section('curves', 'Curves', charts);
}

/** An epoch is a point: at its number, or at the mean time its runs had taken by then. */
function curveOf(
  group: Group,
  place: number,
  history: readonly Series[],
  metric: string,
  over: 'epoch' | 'seconds',
): Curve {
  const runs = new Set(group.values.map(({ runId }) => runId));
  const epochs = new Map<number, { value: number; elapsedSeconds: number }[]>();
  for (const { runId, name, points } of history)
    if (name === metric && runs.has(runId))
      for (const { epoch, elapsedSeconds, value } of points)
        if (value !== null) epochs.set(epoch, [...(epochs.get(epoch) ?? []), { value, elapsedSeconds }]);
  const points = [...epochs]
    .sort(([a], [b]) => a - b)
    .map(([epoch, at]): CurvePoint => {
      const values = at.map(({ value }) => value);
      const x = over === 'epoch' ? epoch : mean(at.map(({ elapsedSeconds }) => elapsedSeconds));
      return { x, mean: mean(values), low: Math.min(...values), high: Math.max(...values) };
    });
  return { name: group.name, place, points };
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
