import type { Column } from '../../contract/parquet';
import type { Checked, Problem } from '../../contract/run-spec';
import type { Services } from '../context/context';
import { filterProblems } from '../database/conditions';
import type { RunFilter } from '../runs/run-filter';
import { breathe } from '../shared/breathe';
import { badArguments } from '../shared/errors';
import { limits } from '../shared/limits';
import { headerOf, type TextFormat, textOf } from './formats';
import { historyTable } from './history-table';
import { runTable } from './run-table';
import type { ExportTable } from './table';

export const exportedTables = ['runs', 'history'] as const;

export interface ExportRequest {
  table: (typeof exportedTables)[number];
  filter: RunFilter;
  /** null: the usual ones of runs, all of a history. */
  metrics: readonly string[] | null;
  /** Cursor behind which it begins; null: from the beginning. */
  after: string | null;
}

/** A part of an export. Put behind each other, the parts are the whole. */
export interface ExportPage {
  columns: readonly Column[];
  content: string;
  rowCount: number;
  /** null where nothing was left. */
  endCursor: string | null;
  hasNextPage: boolean;
}

/** The table that is asked for, or everything that is wrong with the request. */
export function exportTable(
  services: Services,
  { table, filter, metrics, after }: ExportRequest,
): Checked<ExportTable> {
  const checked =
    table === 'runs' ? runTable(services, filter, metrics, after) : historyTable(services, filter, metrics, after);
  const problems = [
    ...filterProblems(filter),
    ...metricProblems(metrics ?? []),
    ...(checked.kind === 'invalid' ? checked.problems : []),
  ];
  return problems.length > 0 ? { kind: 'invalid', problems } : checked;
}

/**
 * A page of an export as text, the header on the first. It has `first` rows, or fewer where these take
 * `limits.exportBytes`.
 * @throws GraphQLError with all problems
 */
export async function exportPage(
  services: Services,
  request: ExportRequest,
  format: TextFormat,
  first: number,
): Promise<ExportPage> {
  const table = exportTable(services, request);
  const problems = table.kind === 'invalid' ? table.problems : [];
  if (first < 1 || first > limits.exportRows)
    problems.push({ path: 'first', message: `${first} must be 1 to ${limits.exportRows}: page on with \`after\`` });
  if (table.kind === 'invalid' || problems.length > 0) throw badArguments(problems);

  const { columns, batches } = table.value;
  const page = { columns, content: request.after === null ? headerOf(format, columns) : '', rowCount: 0 };
  let endCursor: string | null = request.after;
  let sizeBytes = 0;
  for await (const { rows, cursorBehind } of batches()) {
    for (const [place, row] of rows.entries()) {
      await breathe();
      if (page.rowCount === first || sizeBytes >= limits.exportBytes) return { ...page, endCursor, hasNextPage: true };
      const line = textOf(format, columns, [row]);
      page.content += line;
      page.rowCount += 1;
      sizeBytes += Buffer.byteLength(line);
      endCursor = cursorBehind(place + 1);
    }
  }
  return { ...page, endCursor, hasNextPage: false };
}

function metricProblems(metrics: readonly string[]): Problem[] {
  const problems: Problem[] = [];
  if (metrics.length > limits.exportMetrics)
    problems.push({ path: 'metrics', message: `${metrics.length} names, at most ${limits.exportMetrics} are allowed` });
  if (new Set(metrics).size !== metrics.length) problems.push({ path: 'metrics', message: 'names a metric twice' });
  return problems;
}
