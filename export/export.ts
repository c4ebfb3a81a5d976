import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Api, connect } from '../client/graphql';
import { graphql, type ResultOf, type VariablesOf } from '../client/operation';
import { command } from '../client/session';
import { type Cell, type Column, parquetBytes } from '../contract/parquet';
import { type Options, readOptions } from './options';

/** The export cannot be had; `message` says why. */
class ExportFailed extends Error {}

const pageFields = graphql(
  'fragment Page on ExportPage { columns { name type } content rowCount endCursor hasNextPage }',
);
type Page = ResultOf<typeof pageFields>;

const exportPage = {
  runs: graphql(
    `query ExportRuns($filter: RunFilterInput, $metrics: [String!], $format: ExportFormat!, $after: String) {
  page: exportRuns(filter: $filter, metrics: $metrics, format: $format, first: 10000, after: $after) { ...Page }
}`,
    [pageFields],
  ),
  history: graphql(
    `query ExportHistory($filter: RunFilterInput, $metrics: [String!], $format: ExportFormat!, $after: String) {
  page: exportHistory(filter: $filter, metrics: $metrics, format: $format, first: 10000, after: $after) { ...Page }
}`,
    [pageFields],
  ),
};

/** Checked by the service, not here. */
type RunFilter = VariablesOf<typeof exportPage.runs>['filter'];

/** How far a file is: the next page begins behind the cursor, and is written at `sizeBytes`. */
interface Progress {
  request: string;
  after: string | null;
  rows: number;
  sizeBytes: number;
}

async function exportTable(options: Options): Promise<number> {
  if (options.output.endsWith('.parquet')) await writeParquet(options);
  else await writePages(options);
  return 0;
}

/**
 * Page by page, and each with its cursor: where an export breaks off, the next one goes on behind the last cursor and
 * overwrites what was written of a page without one.
 */
async function writePages(options: Options): Promise<void> {
  const { table, output, filter = null, metrics = null, server, token } = options;
  const format = extname(output) === '.csv' ? 'CSV' : 'JSON_LINES';
  const request = JSON.stringify({ table, filter, metrics, server });
  const progress = await readProgress(output, request);
  const api = connect(server, token);
  let file: FileHandle | null = null;
  try {
    for await (const page of pagesOf(api, options, format, progress.after)) {
      // Opened once there is a page: an earlier export is kept where the server refuses this one.
      file ??= await open(output, progress.after === null ? 'w' : 'r+');
      await append(file, page, progress);
      if (page.hasNextPage) await writeFile(progressFile(output), JSON.stringify(progress));
    }
    await file?.truncate(progress.sizeBytes);
  } finally {
    await file?.close();
    await api.close();
  }
  await rm(progressFile(output), { force: true });
  console.log(`${progress.rows} rows in ${output}`);
}

/** The pages of an export behind a cursor. They go wherever GraphQL does, also through the 6 MB of a Lambda function. */
async function* pagesOf(
  api: Api,
  { table, filter = null, metrics }: Options,
  format: 'CSV' | 'JSON_LINES',
  begin: string | null,
): AsyncGenerator<Page> {
  for (let after = begin, more = true; more; ) {
    const variables = { filter: filter as RunFilter, metrics: metrics ?? null, format, after };
    const { page }: { page: Page } = await api.request(exportPage[table], variables);
    yield page;
    [after, more] = [page.endCursor, page.hasNextPage];
  }
}

async function append(file: FileHandle, page: Page, progress: Progress): Promise<void> {
  const { bytesWritten } = await file.write(page.content, progress.sizeBytes);
  await file.sync();
  progress.sizeBytes += bytesWritten;
  progress.rows += page.rowCount;
  progress.after = page.endCursor;
}

const progressFile = (output: string): string => `${output}.cursor`;

/** Where an earlier attempt at the same export got to; the start where there was none. */
async function readProgress(output: string, request: string): Promise<Progress> {
  const text = await readFile(progressFile(output), 'utf8').catch(() => null);
  if (text === null) return { request, after: null, rows: 0, sizeBytes: 0 };
  const progress = JSON.parse(text) as Progress;
  if (progress.request === request) return progress;
  throw new ExportFailed(`${progressFile(output)} is of another export: give another --output, or delete it`);
}

/** A Parquet file ends with its table of contents, so it is put in place only when it is whole. */
async function writeParquet(options: Options): Promise<void> {
  const { output, server, token } = options;
  const partial = `${output}.partial`;
  const api = connect(server, token);
  try {
    const pages = pagesOf(api, options, 'JSON_LINES', null);
    const first = await pages.next();
    if (first.done) throw new Error('an export has at least one page');
    const { columns } = first.value;
    let rowCount = 0;
    await writeFile(partial, parquetBytes(columns.map(columnOf), batches(first.value)));
    await rename(partial, output);
    console.log(`${rowCount} rows in ${output}`);

    async function* batches(begin: Page): AsyncGenerator<{ rows: Cell[][] }> {
      for (let page = begin; ; ) {
        rowCount += page.rowCount;
        yield { rows: rowsOf(page) };
        const next = await pages.next();
        if (next.done) return;
        page = next.value;
      }
    }
  } finally {
    await api.close();
    await rm(partial, { force: true });
  }
}

const columnOf = ({ name, type }: Page['columns'][number]): Column => ({
  name,
  type: type === 'TEXT' ? 'text' : 'number',
});

/** The lines of a page as rows, their values in the order of the columns. */
const rowsOf = ({ content, columns }: Page): Cell[][] =>
  content
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const row = JSON.parse(line) as Record<string, Cell>;
      return columns.map(({ name }) => row[name] ?? null);
    });

command(readOptions(process.argv.slice(2)), exportTable, (error) => error instanceof ExportFailed);
