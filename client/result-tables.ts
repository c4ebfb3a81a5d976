import type { Api } from './graphql';
import { graphql, type ResultOf } from './operation';

const presentation = graphql(`query Presentation($id: ID!) {
  experiment(id: $id) {
    presentation {
      title notes
      columns { name unit selectedOnTest }
      rows { label cells { value standardDeviation n } }
    }
  }
}`);
export type ResultTable = NonNullable<ResultOf<typeof presentation>['experiment']>['presentation'][number];
type ResultColumn = ResultTable['columns'][number];
type ResultCell = ResultTable['rows'][number]['cells'][number];

/** The tables in which an experiment's preset presents its outcome. */
export async function fetchPresentation(api: Api, experimentId: string): Promise<ResultTable[]> {
  const { experiment } = await api.request(presentation, { id: experimentId });
  if (experiment === null) throw new Error(`there is no experiment "${experimentId}"`);
  return experiment.presentation;
}

/** One line a row; a mean with its standard deviation and the number of runs. What was selected on test has a star. */
export function tableLines({ title, notes, columns, rows }: ResultTable): string[] {
  const heading = ['', ...columns.map(({ name, selectedOnTest }) => (selectedOnTest ? `${name} *` : name))];
  const body = rows.map(({ label, cells }) => [label, ...cells.map((cell, place) => cellText(cell, columns[place]!))]);
  const widths = heading.map((text, place) => Math.max(text.length, ...body.map((cells) => cells[place]!.length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((text, place) => text.padEnd(widths[place]!))
      .join('  ')
      .trimEnd();
  return [
    title,
    line(heading),
    ...body.map(line),
    ...(columns.some(({ selectedOnTest }) => selectedOnTest) ? ['* selected on the test set'] : []),
    ...notes.map((note) => `note: ${note}`),
  ];
}

function cellText({ value, standardDeviation, n }: ResultCell, { unit }: ResultColumn): string {
  if (value === null) return '-';
  const digits = unit === 'share' || unit === 'difference' ? 4 : 1;
  const sign = unit === 'difference' && value > 0 ? '+' : '';
  const spread = standardDeviation === null ? '' : ` ±${standardDeviation.toFixed(digits)} (${n})`;
  return `${sign}${value.toFixed(digits)}${spread}`;
}
