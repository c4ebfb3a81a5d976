import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { historyKey, metricsKey, metricsPrefix, predictionsKey, progressKey } from '../../../contract/keys';
import { directoryObjectStore } from '../../../contract/objects/directory';
import type { ObjectStore } from '../../../contract/objects/object-store';
import { attemptSchema, type MetricRecord, progressSchema } from '../../../contract/records';
import { listKeys } from '../../../trainer/checkpoint/list-keys';
import { claimAttempt, readAttempts } from '../../../trainer/records/attempts';
import { readHistory, writeHistory } from '../../../trainer/records/history';
import { finiteOrNull, openMetricLog } from '../../../trainer/records/metric-log';
import { writePredictions } from '../../../trainer/records/predictions';
import { startProgress } from '../../../trainer/records/progress';

const runId = 'run-1';
let folder: string;
let objects: ObjectStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stillhouse-records-'));
  objects = directoryObjectStore(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('attempts', () => {
  it('that race for a number each get one of their own', async () => {
    const claims = await Promise.all(Array.from({ length: 5 }, () => claimAttempt(objects, description(null))));

    expect(claims.map(({ attempt }) => attempt).sort()).toEqual([1, 2, 3, 4, 5]);
    expect(await readAttempts(objects, runId)).toEqual(claims.sort((a, b) => a.attempt - b.attempt));
    for (const claim of claims) expect(attemptSchema.parse(claim)).toEqual(claim);
  });
});

describe('metric chunks', () => {
  it('are written when flushed, numbered, and not when there is nothing new', async () => {
    const log = openMetricLog(objects, runId, 3);
    log.add(recordAt(1, { 'train/loss': 0.5 }));
    await log.flush();
    await log.flush();
    log.add(recordAt(2, finiteOrNull({ 'train/loss': Number.NaN })));
    log.add(recordAt(3, { 'train/loss': 0.25 }));
    await log.flushIfDue();
    await log.flush();

    expect(await listKeys(objects, metricsPrefix(runId))).toEqual([metricsKey(runId, 3, 0), metricsKey(runId, 3, 1)]);
    const chunk = Buffer.from((await objects.read(metricsKey(runId, 3, 1))) ?? []).toString();
    expect(
      chunk
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line).values),
    ).toEqual([{ 'train/loss': null }, { 'train/loss': 0.25 }]);
  });

  it('of two processes with one attempt number do not mix', async () => {
    const [one, other] = [openMetricLog(objects, runId, 1), openMetricLog(objects, runId, 1)];
    one.add(recordAt(1, {}));
    other.add(recordAt(1, {}));
    await one.flush();

    await expect(other.flush()).rejects.toThrow('two processes carry out attempt 1');
  });
});

describe('the history of a run', () => {
  it('is one line over attempts that were killed and went back to a checkpoint', async () => {
    await attemptWith(null, [recordAt(10, { a: 1 }), recordAt(20, { a: 2 }), recordAt(30, { a: 3 })]);
    await attemptWith(20, [recordAt(30, { a: 4 }), recordAt(40, { a: 5 })]);

    const history = await readHistory(objects, runId);

    expect(history.map(({ step, values }) => [step, values.a])).toEqual([
      [10, 1],
      [20, 2],
      [30, 4],
      [40, 5],
    ]);
  });

  it('holds an evaluation once that was made again from a checkpoint of the same step', async () => {
    const evaluation: MetricRecord = { ...recordAt(20, { 'dev/accuracy': 0.5 }), scope: 'epoch' };
    await attemptWith(null, [recordAt(20, { a: 2 })]);
    await attemptWith(20, [evaluation]);
    await attemptWith(20, [evaluation, recordAt(30, { a: 3 })]);

    const history = await readHistory(objects, runId);

    expect(history.map(({ step, scope }) => `${step} ${scope}`)).toEqual(['20 step', '20 epoch', '30 step']);
  });

  it('is kept as parquet, one row a value, nothing rounded', async () => {
    await writeHistory(objects, runId, [recordAt(10, { 'train/loss': 0.1 + 0.2, 'quiz/loss': null })]);

    const file = await readParquet(historyKey(runId));

    const at = { step: 10, epoch: 1, elapsedSeconds: 1.25, scope: 'step' };
    expect(file.rows).toEqual([
      { ...at, name: 'train/loss', value: 0.1 + 0.2 },
      { ...at, name: 'quiz/loss', value: null },
    ]);
  });
});

describe('predictions', () => {
  it('are kept as parquet with row, label, predicted class and the logits of every class', async () => {
    const predictions = {
      rows: Int32Array.from([4, 2]),
      labels: Int32Array.from([1, 0]),
      logits: Float32Array.from([0.1, 0.2, -3, 1e-7, 5, 6]),
    };
    await writePredictions(objects, runId, { split: 'test', epoch: 2 }, predictions, ['Bearish', 'Bullish', 'Neutral']);

    const file = await readParquet(predictionsKey(runId, 'test', 2));

    const [a, b, c, d] = Float32Array.from([0.1, 0.2, 1e-7, 5]);
    expect(file.rows).toEqual([
      { row: 4, label: 1, predicted: 1, logit_0: a, logit_1: b, logit_2: -3 },
      { row: 2, label: 0, predicted: 2, logit_0: c, logit_1: d, logit_2: 6 },
    ]);
    expect(file.metadata.key_value_metadata).toEqual([
      { key: 'classes', value: '["Bearish","Bullish","Neutral"]' },
      { key: 'digest', value: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
  });
});

it('gives up claiming an attempt where the storage refuses every number and lists none', async () => {
  let writes = 0;
  const refusing = {
    ...objects,
    write: async () => {
      writes += 1;
      return { kind: 'conflict' as const };
    },
  };
  await expect(claimAttempt(refusing, description(null))).rejects.toThrow('could be claimed in 100 tries');
  expect(writes).toBe(100);
});

describe('progress', () => {
  it('is written at once, when the phase changes, and when it stops', async () => {
    const failures: unknown[] = [];
    const events = { failed: (error: unknown) => failures.push(error), superseded: () => {} };
    const progress = startProgress(objects, runId, 2, events, () => 12.5);
    progress.update({ phase: 'training', step: 3, totalSteps: 9, epoch: 1, totalEpochs: 3 });
    progress.update({ step: 4 });
    await progress.stop();

    const stored = JSON.parse(Buffer.from((await objects.read(progressKey(runId))) ?? []).toString());
    expect(progressSchema.parse(stored)).toMatchObject({
      ...{ attempt: 2, phase: 'training', step: 4, totalSteps: 9, attemptSeconds: 12.5 },
    });
    expect(failures).toEqual([]);
  });

  it('that cannot be written is told of and stops nothing', async () => {
    const failures: unknown[] = [];
    const full = { ...objects, write: async () => Promise.reject(new Error('no space left on device')) };
    const progress = startProgress(
      full,
      runId,
      1,
      { failed: (error) => failures.push(error), superseded: () => {} },
      () => 1,
    );
    await progress.stop();

    expect(failures).not.toEqual([]);
  });
});

async function attemptWith(resumedFromStep: number | null, records: MetricRecord[]): Promise<void> {
  const { attempt } = await claimAttempt(objects, description(resumedFromStep));
  const log = openMetricLog(objects, runId, attempt);
  for (const record of records) log.add(record);
  await log.flush();
}

async function readParquet(key: string) {
  const body = Uint8Array.from((await objects.read(key)) ?? []);
  const metadata = await parquetMetadataAsync(body.buffer);
  return { metadata, rows: await parquetReadObjects({ file: body.buffer }) };
}

const recordAt = (step: number, values: MetricRecord['values']): MetricRecord => ({
  step,
  epoch: 1,
  elapsedSeconds: 1.25,
  scope: 'step',
  values,
});

const description = (resumedFromStep: number | null) => ({
  runId,
  startedAt: '2026-01-02T03:04:05.678Z',
  host: 'here',
  pid: 1,
  engine: { name: 'portable' as const, version: '4.22.0', device: 'cpu', threads: 1, reason: 'for a test' },
  node: 'v20.0.0',
  code: '0.1.0',
  resumedFromStep,
});
