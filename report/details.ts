import { confusionOf } from '../presentation/confusion';
import { countText } from '../presentation/format';
import { foldedWarnings } from '../presentation/statistics';
import type { ReportData } from './fetch';
import { type Column, type Html, html, inParts, list, type Part, section, table } from './html';
import type { Group, ResultTable, Run, Series } from './queries';
import { joined } from './words';

/** What the rows of each class were taken for, summed over the seeds at the epochs that are compared. */
export function confusionSection({ accuracy, confusion }: ReportData): Html {
  const content =
    confusion === null
      ? html`<p>Not shown: the runs logged none, or of too many classes to be read.</p>`
      : html`<p class="quiet">Test rows at the epochs that are compared, summed over seeds. Rows: the true class; columns: what it was taken for.</p>
<div class="matrices">${accuracy.groups.filter(({ n }) => n > 0).map((group) => matrix(group, confusion))}</div>`;
  return section('confusion', 'Confusion matrices', content);
}

function matrix(group: Group, series: readonly Series[]): Html | null {
  const epochs = new Map(group.values.map(({ runId, epoch }) => [runId, epoch]));
  const metrics = series.map(({ runId, name, points }) => ({
    name,
    value: points.find(({ epoch }) => epoch === epochs.get(runId))?.value ?? 0,
  }));
  const confusion = confusionOf(metrics);
  if (confusion === null) return null;
  const { classes, counts: matrixCounts } = confusion;
  const rows = classes.map((actual, row) => ({ actual, counts: matrixCounts[row]! }));
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
): Part {
  if (value === null) return '–';
  const digits = unit === 'seconds' || unit === 'count' ? 1 : 4;
  const spread = standardDeviation === null ? null : `± ${standardDeviation.toFixed(digits)} (${n})`;
  const sign = unit === 'difference' && value > 0 ? '+' : '';
  return inParts(`${sign}${value.toFixed(digits)}`.replace('-', '−'), spread);
}

/** Each note once, behind the variants whose results have it. */
function notesOfResults(runs: readonly Run[]): string[] {
  const variants = new Map<string, Set<string>>();
  for (const { variant, resultNotes } of runs)
    for (const note of resultNotes) variants.set(note, (variants.get(note) ?? new Set()).add(`"${variant}"`));
  return [...variants].map(([note, names]) => `${joined([...names])}: ${note}`);
}

/** Stored objects that were damaged, and what to do about each. */
const damageOf = ({ runs, provenance, history, confusion }: ReportData): string[] =>
  [...runs, ...provenance, ...history, ...(confusion ?? [])].flatMap(({ damage }) => damage);

/** What was left out, and what a reader must bear in mind. */
export function caveatsSection(data: ReportData): Html {
  const { accuracy, macroF1, runs, experiment } = data;
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
    ...notesOfResults(runs),
    ...damageOf(data),
  ];
  const notes = experiment.notes.map(({ text, author }) => `${text} (${author})`);
  return section(
    'caveats',
    'Warnings, and what was left out',
    items.length > 0 ? list([...new Set(items)]) : html`<p>None: every run finished and counts.</p>`,
    notes.length > 0 && [html`<h3>Notes</h3>`, list(notes)],
  );
}
