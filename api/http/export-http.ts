import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Response, Router } from 'express';
import { coerceInputValue, type GraphQLInputType } from 'graphql';
import { z } from 'zod';
import { parquetBytes } from '../../contract/parquet';
import type { Checked, Problem } from '../../contract/run-spec';
import { illFormedTexts } from '../../contract/well-formed';
import { type ExportRequest, exportedTables, exportTable } from '../exports/export.service';
import { contentTypes, type ExportFormat, headerOf, textOf } from '../exports/formats';
import type { ExportTable } from '../exports/table';
import type { GraphqlOptions } from '../graphql/operation';
import type { RunFilter } from '../runs/run-filter';
import { breathe } from '../shared/breathe';
import { maskError } from '../shared/errors';
import { variableProblems } from '../shared/limits';

const parametersSchema = z.strictObject({
  filter: z.string().optional(),
  metrics: z
    .string()
    .transform((names) => names.split(',').filter((name) => name !== ''))
    .optional(),
  after: z.string().optional(),
});

const fileNames = exportedTables.flatMap((table) =>
  Object.keys(contentTypes).map((format) => [`${table}.${format}`, { table, format: format as ExportFormat }] as const),
);
const files = new Map<string, (typeof fileNames)[number][1]>(fileNames);

/**
 * Whole exports as files, streamed: `/export/runs.csv?filter=JSON&metrics=LIST&after=CURSOR`, and the like for history,
 * jsonl and parquet. The same filter, cursors and access as in GraphQL; a reader that is slow or gone holds nothing.
 */
export function exportRoutes({ schema, services, access }: GraphqlOptions): Router {
  const router = Router();
  const filterType = schema.getType('RunFilterInput') as GraphQLInputType;
  router.get('/export/:file', async (request, response) => {
    const file = files.get(request.params.file);
    if (file === undefined)
      return refuse(response, 404, [
        { path: request.params.file, message: `is no export; there are ${[...files.keys()].join(', ')}` },
      ]);
    const outcome = await access.authenticate(request.headers.authorization);
    if (outcome.kind !== 'viewer') return refuse(response, 401, [{ path: 'authorization', message: outcome.message }]);
    const parameters = readParameters(request.query, filterType);
    const table =
      parameters.kind === 'valid' ? exportTable(services, { table: file.table, ...parameters.value }) : parameters;
    if (table.kind === 'invalid') return refuse(response, 400, table.problems);
    const isFirst = parameters.kind === 'valid' && parameters.value.after === null;
    const content = Readable.from(contentOf(table.value, file.format, isFirst));
    try {
      await once(content, 'readable');
      response.set({
        'Content-Type': contentTypes[file.format],
        'Content-Disposition': `attachment; filename="${request.params.file}"`,
      });
      await pipeline(content, response);
    } catch (error) {
      explain(error as NodeJS.ErrnoException, response);
    }
  });
  return router;
}

/**
 * Says that an export broke: in the answer where that has not begun, else in the log alone. The connection then breaks
 * with it, so that a part is not taken for the whole.
 */
function explain(error: NodeJS.ErrnoException, response: Response): void {
  // The reader went away.
  if (error.code === 'ERR_STREAM_PREMATURE_CLOSE') return;
  const { message, extensions } = maskError(error);
  if (!response.headersSent) response.status(500).json({ errors: [{ message, extensions }] });
}

/** Rows that become text without a pause: some milliseconds of work, with 200 metrics each. */
const rowsAtATime = 50;

export function contentOf(
  table: ExportTable,
  format: ExportFormat,
  isFirst: boolean,
): AsyncIterable<string | Uint8Array> {
  return format === 'parquet' ? parquetBytes(table.columns, table.batches(), breathe) : lines();

  async function* lines() {
    if (isFirst) yield headerOf(format as 'csv', table.columns);
    for await (const { rows } of table.batches())
      for (let start = 0; start < rows.length; start += rowsAtATime) {
        yield textOf(format as 'csv', table.columns, rows.slice(start, start + rowsAtATime));
        await breathe();
      }
  }
}

function readParameters(query: unknown, filterType: GraphQLInputType): Checked<Omit<ExportRequest, 'table'>> {
  const parsed = parametersSchema.safeParse(query);
  if (!parsed.success) {
    const known = `is no parameter; there are ${Object.keys(parametersSchema.shape).join(', ')}`;
    const problems = parsed.error.issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: key, message: known }))
        : [{ path: issue.path.join('.'), message: issue.message }],
    );
    return { kind: 'invalid', problems };
  }
  const { filter = '{}', metrics = null, after = null } = parsed.data;
  const checked = readFilter(filter, filterType);
  const illFormed = illFormedTexts({ filter: checked.kind === 'valid' ? checked.value : null, metrics, after }, '');
  if (illFormed.length > 0) return { kind: 'invalid', problems: illFormed };
  return checked.kind === 'invalid' ? checked : { kind: 'valid', value: { filter: checked.value, metrics, after } };
}

/** As GraphQL would read it as a variable. */
function readFilter(text: string, type: GraphQLInputType): Checked<RunFilter> {
  const problems: Problem[] = [];
  let filter: unknown;
  try {
    const given: unknown = JSON.parse(text);
    for (const { message } of variableProblems({ filter: given })) problems.push({ path: 'filter', message });
    if (problems.length > 0) return { kind: 'invalid', problems };
    filter = coerceInputValue(given, type, (path, _value, { message }) =>
      problems.push({ path: ['filter', ...path].join('.'), message }),
    );
  } catch (error) {
    problems.push({ path: 'filter', message: `is no JSON: ${(error as Error).message}` });
  }
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'valid', value: (filter ?? {}) as RunFilter };
}

function refuse(response: Response, status: number, problems: Problem[]): void {
  const message = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
  response.status(status).json({ errors: [{ message, extensions: { problems } }] });
}
