import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parse } from 'csv-parse/sync';
import express from 'express';
import { createAccess } from '../../../api/access/authentication';
import { parameterRows } from '../../../api/definition/variant-group';
import { exportRoutes } from '../../../api/http/export-http';
import { summarise } from '../../../api/ingest/summary';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { apiSchema, ask, dataOf } from '../../testkit/ask';
import { epochRecord, stepRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

const services = useTestServices();
const token = 'a-token-of-some-length';
let server: Server;
let address = '';

beforeEach(async () => {
  const access = createAccess({ tokens: [{ name: 'ann', role: 'viewer', token }], oidc: null });
  const app = express();
  app.use(exportRoutes({ schema: await apiSchema(), services: services(), access, introspection: true }));
  server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await insertExperiment(services());
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const fetchFile = (file: string, parameters: Record<string, string> = {}, authorization = `Bearer ${token}`) =>
  fetch(`${address}/export/${file}?${new URLSearchParams(parameters)}`, { headers: { authorization } });

const page = `query ($filter: RunFilterInput, $metrics: [String!], $format: ExportFormat!, $first: Int!, $after: String) {
  page: FIELD(filter: $filter, metrics: $metrics, format: $format, first: $first, after: $after) {
    content rowCount endCursor hasNextPage } }`;

/** All pages behind each other. */
async function allPages(
  field: string,
  first: number,
  variables: object = {},
): Promise<{ text: string; pages: number }> {
  let [text, pages, after] = ['', 0, null as string | null];
  for (;;) {
    const given = { format: 'CSV', ...variables, first, after };
    const { page: found } = await dataOf(services(), page.replace('FIELD', field), given);
    text += found.content;
    pages += 1;
    expect(found.rowCount).toBeLessThanOrEqual(first);
    if (!found.hasNextPage) return { text, pages };
    expect(found.rowCount).toBe(first);
    after = found.endCursor;
  }
}

async function insertTrainedRun(id: string, seed: number, accuracies: number[]) {
  const run = await insertRun(services(), id, { seed, state: 'SUCCEEDED', variant: `=variant "${id}"` });
  const { database } = services();
  const rows = parameterRows(JSON.parse(run.spec as string));
  await database
    .insertInto('run_parameter')
    .values(rows.map((row) => ({ run_id: id, ...row })))
    .execute();
  const summaries: Parameters<typeof summarise>[0] = new Map();
  const records = accuracies.map((value, epoch) => epochRecord(epoch, epoch, { 'test/accuracy': value }));
  summarise(summaries, id, records);
  await database
    .insertInto('summary_metric')
    .values([...summaries.values()])
    .execute();
  await writeAttempt(services().objects, id, 1, null);
  await writeChunk(services().objects, id, 1, 0, [stepRecord(1, { 'train/loss': seed / 3, 'train/nan': null })]);
  await writeChunk(services().objects, id, 1, 1, records);
}

describe('the export of runs', () => {
  beforeEach(async () => {
    for (const [place, id] of ['r-a', 'r-b', 'r-c', 'r-d', 'r-e'].entries())
      await insertTrainedRun(id, place, [0.1, 1 / 3, 0.2 + place]);
  });

  it('gives fields, hyper-parameters and summaries of metrics of every run, exactly', async () => {
    const { text } = await allPages('exportRuns', 100);
    const rows: Record<string, string>[] = parse(text, { columns: true });
    expect(rows.map(({ id }) => id)).toEqual(['r-a', 'r-b', 'r-c', 'r-d', 'r-e']);
    expect(rows[1]).toMatchObject({
      variant: `'=variant "r-b"`,
      seed: '1',
      state: 'SUCCEEDED',
      'parameters.studentLearningRate': '0.001',
      'parameters.preprocessing': 'thesis',
      'parameters.embeddingTrainable': 'true',
      'parameters.alpha': '',
      'metrics.test/accuracy.last': '1.2',
      'metrics.test/accuracy.best': '1.2',
      'metrics.test/accuracy.bestStep': '2',
      'metrics.test/accuracy.min': '0.1',
      'metrics.dev/loss.last': '',
    });
    expect(Number(rows[0]!['metrics.test/accuracy.mean'])).toBe((0.1 + 1 / 3 + 0.2) / 3);
  });

  it.each([1, 2, 5])('is the same in pages of %i as in one, and as the file streamed over HTTP', async (first) => {
    for (const format of ['CSV', 'JSON_LINES']) {
      const { text, pages } = await allPages('exportRuns', first, { format });
      expect(pages).toBe(Math.ceil(5 / first));
      expect(text).toBe((await allPages('exportRuns', 1000, { format })).text);
      expect(await (await fetchFile(`runs.${format === 'CSV' ? 'csv' : 'jsonl'}`)).text()).toBe(text);
    }
  });

  it('gives the runs that pass the filter, by the metrics that are named', async () => {
    const filter = { seed: { in: [1, 3] }, metric: { name: 'test/accuracy', reducer: 'LAST', value: { gt: 2 } } };
    const { text } = await allPages('exportRuns', 10, { filter, metrics: ['train/loss'], format: 'JSON_LINES' });
    const [row, ...more] = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(more).toEqual([]);
    expect(row).toMatchObject({ id: 'r-d', 'metrics.train/loss.last': null });
    expect(Object.keys(row).filter((name) => name.startsWith('metrics.'))).toHaveLength(6);
    const streamed = await fetchFile('runs.jsonl', { filter: JSON.stringify(filter), metrics: 'train/loss' });
    expect(await streamed.text()).toBe(text);
  });

  it('goes on from a cursor over HTTP as well, without a second header', async () => {
    const given = { format: 'CSV', first: 2 };
    const { page: found } = await dataOf(services(), page.replace('FIELD', 'exportRuns'), given);
    const rest = await (await fetchFile('runs.csv', { after: found.endCursor })).text();
    expect(found.content + rest).toBe((await allPages('exportRuns', 100)).text);
  });

  it('is one Parquet file with the same values', async () => {
    const { parquetReadObjects } = await import('hyparquet');
    const response = await fetchFile('runs.parquet');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="runs.parquet"');
    const rows = await parquetReadObjects({ file: await response.arrayBuffer() });
    const { text } = await allPages('exportRuns', 100, { format: 'JSON_LINES' });
    expect(rows).toEqual(
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    );
  });
});

describe('the export of histories', () => {
  beforeEach(async () => {
    for (const [place, id] of ['r-a', 'r-b', 'r-c'].entries()) await insertTrainedRun(id, place, [0.1, 1 / 3, Math.PI]);
  });

  it.each([1, 2, 3, 100])('gives every value once, in pages of %i', async (first) => {
    const { text } = await allPages('exportHistory', first, { format: 'JSON_LINES' });
    const rows = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toHaveLength(3 * (2 + 3));
    expect(rows.slice(5, 8)).toEqual([
      {
        runId: 'r-b',
        attempt: 1,
        step: 1,
        epoch: 0,
        elapsedSeconds: 0.1,
        scope: 'step',
        name: 'train/loss',
        value: 1 / 3,
      },
      {
        runId: 'r-b',
        attempt: 1,
        step: 1,
        epoch: 0,
        elapsedSeconds: 0.1,
        scope: 'step',
        name: 'train/nan',
        value: null,
      },
      {
        runId: 'r-b',
        attempt: 1,
        step: 0,
        epoch: 0,
        elapsedSeconds: 0,
        scope: 'epoch',
        name: 'test/accuracy',
        value: 0.1,
      },
    ]);
    expect(rows.at(-1)).toMatchObject({ runId: 'r-c', value: Math.PI });
    expect(await (await fetchFile('history.jsonl')).text()).toBe(text);
  });

  it('gives only the metrics and runs that are asked for', async () => {
    const variables = { filter: { id: { eq: 'r-b' } }, metrics: ['test/accuracy'] };
    const { text } = await allPages('exportHistory', 2, variables);
    const rows: Record<string, string>[] = parse(text, { columns: true });
    expect(rows.map(({ runId, value }) => [runId, value])).toEqual([
      ['r-b', '0.1'],
      ['r-b', String(1 / 3)],
      ['r-b', String(Math.PI)],
    ]);
  });
});

describe('an export that cannot be had says why', () => {
  const refusal = async (file: string, parameters: Record<string, string>, authorization?: string) => {
    const response = await fetchFile(file, parameters, authorization);
    const { errors } = (await response.json()) as { errors: { message: string }[] };
    return [response.status, errors[0]!.message];
  };

  it('over HTTP', async () => {
    expect(await refusal('runs.xlsx', {})).toEqual([404, expect.stringContaining('there are runs.csv, runs.jsonl')]);
    expect(await refusal('runs.csv', {}, 'Bearer no')).toEqual([401, expect.stringContaining('not known')]);
    expect(await refusal('runs.csv', { filter: '{' })).toEqual([400, expect.stringContaining('filter: is no JSON')]);
    expect(await refusal('runs.csv', { filter: '{"sed":{"eq":1}}' })).toEqual([400, expect.stringContaining('"sed"')]);
    const unknown = 'metric: is no parameter; there are filter, metrics, after';
    expect(await refusal('runs.csv', { metric: 'x' })).toEqual([400, unknown]);
    expect(await refusal('history.csv', { after: 'x', metrics: 'a,a' })).toEqual([
      400,
      expect.stringMatching(/metrics: names a metric twice; after: is no cursor/),
    ]);
  });

  it('in GraphQL, all of it at once', async () => {
    const given = { format: 'CSV', first: 0, after: 'x', metrics: ['a', 'a'] };
    const { errors } = await ask(services(), page.replace('FIELD', 'exportRuns'), given);
    expect(errors[0]!.extensions.problems).toEqual([
      { path: 'metrics', message: 'names a metric twice' },
      expect.objectContaining({ path: 'after' }),
      expect.objectContaining({ path: 'first' }),
    ]);
  });

  it('a cursor of other columns', async () => {
    await insertRun(services(), 'r');
    const given = { format: 'CSV', first: 1, metrics: ['train/loss'] };
    const { page: found } = await dataOf(services(), page.replace('FIELD', 'exportRuns'), given);
    const { errors } = await ask(services(), page.replace('FIELD', 'exportRuns'), {
      ...given,
      metrics: ['dev/loss'],
      after: found.endCursor,
    });
    expect(errors[0]!.message).toContain('after: was made with another order');
  });
});

/** What is left on the heap after collecting garbage. */
function retainedMebibytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

describe('a large export', () => {
  it('of 20,000 runs streams in bounded memory, each run once', async () => {
    await insertRun(services(), 'r-000000');
    const { database } = services();
    const [template] = await database.selectFrom('run').selectAll().execute();
    const count = 20_000;
    await database.transaction().execute(async (transaction) => {
      for (let from = 1; from < count; from += 500) {
        const rows = Array.from({ length: Math.min(500, count - from) }, (_, i) => ({
          ...template!,
          id: `r-${String(from + i).padStart(6, '0')}`,
          spec: '{}',
        }));
        await transaction.insertInto('run').values(rows).execute();
      }
    });
    const response = await fetchFile('runs.jsonl', { metrics: 'test/accuracy' });
    const before = retainedMebibytes();
    let [lines, most, sizeBytes, rest] = [0, 0, 0, ''];
    for await (const chunk of Readable.fromWeb(response.body as ReadableStream)) {
      sizeBytes += chunk.length;
      rest += chunk.toString();
      const parts = rest.split('\n');
      rest = parts.pop()!;
      const wrong = parts.filter((part) => !part.startsWith(`{"id":"r-${String(lines++).padStart(6, '0')}"`));
      expect(wrong).toEqual([]);
      if (lines > most + 2_000) {
        most = lines;
        expect(retainedMebibytes() - before).toBeLessThan(10);
      }
    }
    expect([lines, rest]).toEqual([count, '']);
    expect(sizeBytes).toBeGreaterThan(30 * 2 ** 20);
  }, 120_000);

  it('of a history of 200,000 values, too', async () => {
    await insertRun(services(), 'r');
    await writeAttempt(services().objects, 'r', 1, null);
    for (let sequence = 0; sequence < 200; sequence++) {
      const records = Array.from({ length: 100 }, (_, i) => {
        const step = sequence * 100 + i + 1;
        return stepRecord(
          step,
          Object.fromEntries(Array.from({ length: 10 }, (_, k) => [`metric ${k}`, step / (k + 3)])),
        );
      });
      await writeChunk(services().objects, 'r', 1, sequence, records);
    }
    const { parquetMetadata, parquetReadObjects } = await import('hyparquet');
    const file = await (await fetchFile('history.parquet')).arrayBuffer();
    expect(parquetMetadata(file).row_groups.length).toBeGreaterThan(2);
    const rows = await parquetReadObjects({ file, rowStart: 123_456, rowEnd: 123_457 });
    expect(rows).toMatchObject([{ runId: 'r', step: 12_346, name: 'metric 6', value: 12_346 / 9 }]);
    expect(Number(parquetMetadata(file).num_rows)).toBe(200_000);
  }, 60_000);
});
