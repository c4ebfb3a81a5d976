import { bytesText, countText, durationText, foldedWarnings } from '../dashboard/app/format';
import { type ConfusionData, confusionPrefix, type ReportData } from './fetch';
import { type Column, type Html, html, list, section, table } from './html';
import type { Group, ResultTable, Run, Settings } from './queries';
import { mean } from './results';
import { pointsText } from './words';

/** What the rows of each class were taken for, summed over the seeds at the epochs that are compared. */
export function confusionSection({ accuracy, confusion }: ReportData): Html {
  const content =
    confusion === null
      ? html`<p>Not shown: the runs logged none, or of too many classes to be read.</p>`
      : html`<p class="quiet">Test rows at the epochs that are compared, summed over seeds. Rows: the true class; columns: what it was taken for.</p>
<div class="matrices">${accuracy.groups.filter(({ n }) => n > 0).map((group) => matrix(group, confusion))}</div>`;
  return section('confusion', 'Confusion matrices', content);
}

function matrix(group: Group, { classes, series }: ConfusionData): Html {
  const epochs = new Map(group.values.map(({ runId, epoch }) => [runId, epoch]));
  const cells = new Map<string, number>();
  for (const { runId, name, points } of series) {
    const count = points.find(({ epoch }) => epoch === epochs.get(runId))?.value ?? 0;
    cells.set(name, (cells.get(name) ?? 0) + count);
  }
  const rows = classes.map((actual) => ({
    actual,
    counts: classes.map((predicted) => cells.get(`${confusionPrefix}${actual}/${predicted}`) ?? 0),
  }));
  return html`<table class="matrix">
<caption>${group.name}, ${countText(group.n, 'seed')}</caption>
<thead><tr><th scope="col">true ↓ taken for →</th>${classes.map((name) => html`<th scope="col" class="number">${name}</th>`)}<th scope="col" class="number">Recall</th></tr></thead>
<tbody>${rows.map(({ actual, counts }, row) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const share = (count: number) => (total === 0 ? 0 : Math.round((100 * count) / total));
    return html`<tr><th scope="row">${actual}</th>${counts.map(
      (count, column) =>
        html`<td class="number cell ${row === column ? 'right' : 'wrong'}" style="--share:${share(count)}%">${count}</td>`,
    )}<td class="number">${total === 0 ? '–' : `${((100 * counts[row]!) / total).toFixed(1)} %`}</td></tr>`;
  })}</tbody>
</table>`;
}

/** What a variant took, and what a point of accuracy took. */
export function costSection({ accuracy, runs }: ReportData): Html {
  const baseline = accuracy.groups.find(({ id }) => id === accuracy.baseline);
  const secondsOf = (group: Group) =>
    group.n === 0 ? null : mean(group.values.map(({ elapsedSeconds }) => elapsedSeconds));
  const runOf = ({ id }: Group) => runs.find(({ groupId, state }) => groupId === id && state === 'SUCCEEDED');
  const columns: Column<Group>[] = [
    { heading: 'Variant', kind: 'name', cell: ({ name }) => name },
    { heading: 'Time to the compared epoch', cell: (group) => durationOrNone(secondsOf(group)) },
    {
      heading: 'Time a point of accuracy',
      cell: (group) => durationOrNone(group.mean ? secondsOf(group)! / (100 * group.mean) : null),
    },
    { heading: 'More time than the baseline, a point gained', cell: (group) => gained(group, baseline, secondsOf) },
    { heading: 'Whole run', cell: (group) => durationOrNone(wholeRun(group, runs)) },
    { heading: 'Parameters trained', cell: (group) => runOf(group)?.trainedParameters?.toLocaleString('en') ?? '–' },
    { heading: 'Model', cell: (group) => bytesOrNone(runOf(group)?.modelBytes ?? null) },
  ];
  return section(
    'cost',
    'Time, energy and cost',
    table('Means over seeds', columns, accuracy.groups),
    html`<p class="quiet">Time is wall clock of the training of one run, evaluation included; the fine-tuning of a teacher comes on top.
Runs that shared their machine took each other time. Energy and cost were not measured.</p>`,
  );
}

const durationOrNone = (seconds: number | null): string => (seconds === null ? '–' : durationText(seconds));
const bytesOrNone = (bytes: number | null): string => (bytes === null ? '–' : bytesText(bytes));

function gained(group: Group, baseline: Group | undefined, secondsOf: (group: Group) => number | null): string {
  const [own, other] = [secondsOf(group), baseline ? secondsOf(baseline) : null];
  if (baseline === undefined || group === baseline || own === null || other === null) return '–';
  const points = 100 * (group.mean! - baseline.mean!);
  if (points <= 0) return `no gain (${pointsText(points / 100)})`;
  return own <= other ? 'less time' : durationText((own - other) / points);
}

function wholeRun({ id }: Group, runs: readonly Run[]): number | null {
  const seconds = runs
    .filter(({ groupId, state }) => groupId === id && state === 'SUCCEEDED')
    .map(({ progress }) => progress.elapsedSeconds);
  return seconds.length === 0 ? null : mean(seconds);
}

/** The tables of the experiment's preset, beside the figures that were reported before. */
export function presentationSection({ experiment }: ReportData): Html {
  return section('figures', 'Reference figures and further tables', experiment.presentation.map(presentationTable));
}

function presentationTable({ title, notes, columns, rows }: ResultTable): Html {
  const name: Column<ResultTable['rows'][number]> = { heading: '', kind: 'name', cell: ({ label }) => label };
  const numbers = columns.map(
    (column, place): Column<ResultTable['rows'][number]> => ({
      heading: html`${column.name}${column.selectedOnTest && ' *'}${column.reported && html` <span class="quiet">(reported)</span>`}`,
      cell: ({ cells }) => cellText(cells[place]!, column.unit),
    }),
  );
  const isMarked = columns.some(({ selectedOnTest }) => selectedOnTest);
  return html`${table(title, [name, ...numbers], rows)}
${isMarked && html`<p class="quiet">* selected on the test set: too good by what that selection gains.</p>`}
${notes.length > 0 && list(notes)}`;
}

function cellText(
  { value, standardDeviation, n }: ResultTable['rows'][number]['cells'][number],
  unit: ResultTable['columns'][number]['unit'],
): string {
  if (value === null) return '–';
  const digits = unit === 'seconds' || unit === 'count' ? 1 : 4;
  const spread = standardDeviation === null ? '' : ` ± ${standardDeviation.toFixed(digits)} (${n})`;
  const sign = unit === 'difference' && value > 0 ? '+' : '';
  return `${sign}${value.toFixed(digits)}${spread}`.replace('-', '−');
}

/** Everything needed to do it again. */
export function repeatSection(data: ReportData, command: string): Html {
  const { experiment, runs, settings } = data;
  const { shared, own } = partedSettings(settings);
  const variants = [...settings.keys()];
  const distinct = (values: readonly (string | null)[]) =>
    [...new Set(values)].filter((value) => value !== null).sort();
  const finished = runs.filter(({ state }) => state === 'SUCCEEDED');
  const facts: [string, string][] = [
    ['Experiment', `${experiment.id}, created ${experiment.createdAt}`],
    ['Seeds', [...new Set(runs.map(({ seed }) => seed))].sort((a, b) => a - b).join(', ')],
    ['Engine', distinct(finished.map(({ engine }) => engine)).join('; ')],
    ['Device', distinct(finished.map(({ device }) => device)).join('; ')],
    ['Machine', distinct(finished.flatMap(({ attempts }) => attempts.map(({ host }) => host))).join('; ')],
    ['Interrupted and resumed', countText(finished.filter(({ attempts }) => attempts.length > 1).length, 'run')],
  ];
  const { preset: _, ...definition } = experiment.definition;
  const input = { name: experiment.name, question: experiment.question, ...definition };
  return section(
    'repeat',
    'To repeat it',
    table(
      'Where and with what it ran',
      [
        { heading: '', kind: 'name', cell: ([name]) => name },
        { heading: '', kind: 'text', cell: ([, value]) => value || 'not recorded' },
      ],
      facts,
    ),
    own.length > 0 &&
      table(
        'Hyper-parameters that differ',
        [
          { heading: 'Name', kind: 'name', cell: ({ name }) => name },
          ...variants.map((variant) => ({
            heading: variant,
            kind: 'text' as const,
            cell: ({ values }: OwnSetting) => values.get(variant) ?? '',
          })),
        ],
        own,
      ),
    html`<details open><summary>Hyper-parameters that all share who read them</summary>
<p>${shared.map(({ name, value }, place) => html`${place > 0 && ', '}<code>${name}</code> ${value}`)}</p></details>`,
    html`<p>The definition, as the mutation <code>createExperiment(launch: true, input: …)</code> takes it:</p>
<pre>${JSON.stringify(input, null, 1)}</pre>
<p>This page: <code>${command}</code></p>`,
  );
}

interface OwnSetting {
  name: string;
  values: Map<string, string>;
}

/** Settings alike in every variant that has them, and the others; inputs count as settings. */
function partedSettings(settings: ReadonlyMap<string, Settings>): {
  shared: { name: string; value: string }[];
  own: OwnSetting[];
} {
  const byName = new Map<string, Map<string, string>>();
  const add = (name: string, variant: string, value: string) =>
    byName.set(name, (byName.get(name) ?? new Map<string, string>()).set(variant, value));
  for (const [variant, { spec, parameters }] of settings) {
    add('method', variant, spec.method);
    for (const [name, value] of Object.entries(spec.data)) add(`data.${name}`, variant, textOf(value));
    add('teacher', variant, textOf(spec.teacher));
    add('vectors', variant, textOf(spec.vectors));
    for (const { name, text } of parameters) add(name, variant, text);
  }
  const all = [...byName].map(([name, values]) => ({ name, values }));
  const isShared = ({ values }: OwnSetting) => new Set(values.values()).size === 1;
  return {
    shared: all.filter(isShared).map(({ name, values }) => ({ name, value: [...values.values()][0]! })),
    own: all.filter((setting) => !isShared(setting)),
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** What was left out, and what a reader must bear in mind. */
export function caveatsSection({ accuracy, macroF1, runs, experiment }: ReportData): Html {
  const warnings = [accuracy, macroF1].flatMap((comparison) =>
    foldedWarnings(
      comparison.warnings,
      comparison.pairs.flatMap((pair) => pair.warnings),
    ),
  );
  const failed = runs.filter(({ failure }) => failure !== null);
  const items = [
    ...warnings,
    ...failed.map(({ variant, seed, failure }) => `"${variant}" seed ${seed} failed: ${failure!.message}`),
    ...(experiment.stopReason ? [`launching ceased: ${experiment.stopReason}`] : []),
    ...runs.flatMap(({ variant, resultNotes }) => resultNotes.map((note) => `"${variant}": ${note}`)),
  ];
  const notes = experiment.notes.map(({ text, author }) => `${text} (${author})`);
  return section(
    'caveats',
    'Warnings, and what was left out',
    items.length > 0 ? list([...new Set(items)]) : html`<p>None: every run finished and counts.</p>`,
    notes.length > 0 && [html`<h3>Notes</h3>`, list(notes)],
  );
}
