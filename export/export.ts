import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { connect, reach } from '../client/graphql';
import { command } from '../client/session';
import { type Options, readOptions } from './options';

/** The export cannot be had; `message` says why. */
class ExportFailed extends Error {}

interface Page {
  content: string;
  rowCount: number;
  endCursor: string | null;
  hasNextPage: boolean;
}

/** How far a file is: the next page begins behind the cursor, and is written at `sizeBytes`. */
interface Progress {
  request: string;
  after: string | null;
  rows: number;
  sizeBytes: number;
}

async function exportTable(options: Options): Promise<number> {
  if (options.output.endsWith('.parquet')) await downloadFile(options);
  else await writePages(options);
  return 0;
}

/**
 * Page by page, so that it goes wherever GraphQL does. What a page was written of without its cursor, a killed process
 * leaves behind the size that the cursor stands for, and the next one writes over it.
 */
async function writePages(options: Options): Promise<void> {
  const { table, output, filter = null, metrics = null, server, token } = options;
  const format = extname(output) === '.csv' ? 'CSV' : 'JSON_LINES';
  const request = JSON.stringify({ table, filter, metrics, server });
  const progress = await readProgress(output, request);
  const api = connect(server, token);
  let file: FileHandle | null = null;
  try {
    for (let more = true; more; ) {
      const { page } = await api.request<{ page: Page }>(
        `query Export($filter: RunFilterInput, $metrics: [String!], $format: ExportFormat!, $after: String) {
          page: ${table === 'runs' ? 'exportRuns' : 'exportHistory'}(
            filter: $filter, metrics: $metrics, format: $format, first: 10000, after: $after
          ) { content rowCount endCursor hasNextPage }
        }`,
        { filter, metrics, format, after: progress.after },
      );
      // Not before there is a page: what an earlier export wrote is not lost to a server that refuses this one.
      file ??= await open(output, progress.after === null ? 'w' : 'r+');
      await append(file, page, progress);
      if (page.hasNextPage) await writeFile(progressFile(output), JSON.stringify(progress));
      more = page.hasNextPage;
    }
    await file?.truncate(progress.sizeBytes);
  } finally {
    await file?.close();
    await api.close();
  }
  await rm(progressFile(output), { force: true });
  console.log(`${progress.rows} rows in ${output}`);
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

/** A Parquet file is one from its beginning to its end, so it is put in place only when it is whole. */
async function downloadFile({ table, output, filter, metrics, server, token }: Options): Promise<void> {
  const url = new URL(`/export/${table}.parquet`, server);
  if (filter !== undefined) url.searchParams.set('filter', JSON.stringify(filter));
  if (metrics !== undefined) url.searchParams.set('metrics', metrics.join(','));
  const response = await reach(url, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });
  if (!response.ok || response.body === null) throw new ExportFailed(await refusalOf(response));
  const partial = `${output}.partial`;
  try {
    await writeFile(partial, Readable.fromWeb(response.body as ReadableStream));
    await rename(partial, output);
  } finally {
    await rm(partial, { force: true });
  }
  console.log(`written: ${output}`);
}

async function refusalOf(response: Response): Promise<string> {
  const body = (await response.json().catch(() => null)) as { errors?: { message: string }[] } | null;
  if (body?.errors) return body.errors.map(({ message }) => message).join('; ');
  return `${response.url} answered ${response.status}: this server gives no Parquet files; take .csv or .jsonl`;
}

command(readOptions(process.argv.slice(2)), exportTable, (error) => error instanceof ExportFailed);
