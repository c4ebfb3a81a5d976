import type { KyselyPlugin } from 'kysely';
import { inTransaction } from '../../../api/database/transaction';
import { nextBatch } from '../../../api/ingest/batches';
import { ingestResult, ingestRun } from '../../../api/ingest/ingest.service';
import { readPosition, storePosition } from '../../../api/ingest/ingest.store';
import { applyEvent } from '../../../api/runs/run-life.service';
import type { MetricRecord } from '../../../contract/records';
import { stitch } from '../../../contract/records';
import { insertExperiment, insertRun, readRun, type TestServices, useTestServices } from '../../testkit/api-services';
import {
  epochRecord,
  stepRecord,
  writeAttempt,
  writeChunk,
  writeProgress,
  writeResult,
} from '../../testkit/written-run';

const testServices = useTestServices();
let services: TestServices;
beforeEach(async () => {
  services = testServices();
  await insertExperiment(services);
  await insertRun(services, 'r');
  await applyEvent(services, 'r', { kind: 'claimed', attempt: 1 });
});

const summary = async (name: string) =>
  services.database.selectFrom('summary_metric').selectAll().where('name', '=', name).executeTakeFirst();
const allSummaries = () => services.database.selectFrom('summary_metric').selectAll().orderBy('name').execute();
const allEpochs = () =>
  services.database.selectFrom('epoch_metric').selectAll().orderBy('name').orderBy('epoch').execute();

describe('the position reached in what a run wrote', () => {
  it('is stored when its promise says so, not some time after', async () => {
    let answered = 0;
    const slow: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        answered += 1;
        return result;
      },
    };
    await inTransaction(services.database.withPlugin(slow), async (transaction) => {
      await storePosition(transaction, 'r', 'key');
      expect(answered).toBe(1);
      expect(await readPosition(transaction, 'r')).toBe('key');
    });
  });
});

describe('taking in what a run wrote', () => {
  it('keeps sums and means finite where values are at the end of the range, and has no summary of nulls alone', async () => {
    await writeAttempt(services.objects, 'r', 1, null);
    const values = [1.7e308, 1.7e308, -1.7e308].map((value) => ({
      'train/loss': value,
      other: null,
    }));
    await writeChunk(
      services.objects,
      'r',
      1,
      0,
      values.map((value, at) => stepRecord(at + 1, value)),
    );
    await ingestRun(services, 'r');
    // By hand: the sum stays at the end of the range with the second value, and comes back from there.
    const sum = Number.MAX_VALUE - 1.7e308;
    expect(await allSummaries()).toMatchObject([{ name: 'train/loss', count: 3, sum, mean: sum / 3 }]);
  });

  it('sums metrics up over chunks, with null left out', async () => {
    await writeAttempt(services.objects, 'r', 1, null);
    await writeChunk(services.objects, 'r', 1, 0, [
      stepRecord(10, { 'train/loss': 3 }),
      stepRecord(20, { 'train/loss': 1 }),
    ]);
    await ingestRun(services, 'r');
    await writeChunk(services.objects, 'r', 1, 1, [
      stepRecord(30, { 'train/loss': 2 }),
      stepRecord(40, { 'train/loss': null }),
    ]);
    await ingestRun(services, 'r');

    expect(await summary('train/loss')).toEqual({
      run_id: 'r',
      name: 'train/loss',
      count: 3,
      last: 2,
      last_step: 30,
      min: 1,
      min_step: 20,
      max: 3,
      max_step: 10,
      sum: 6,
      mean: 2,
      // Of a loss the smallest is the best.
      best: 1,
      best_step: 20,
    });
    expect((await readRun(services, 'r')).elapsed_seconds).toBe(4);
  });

  it('knows the engine even where a sign of life was there before the record of the attempt', async () => {
    await writeProgress(services.objects, 'r');
    await ingestRun(services, 'r');
    expect(await readRun(services, 'r')).toMatchObject({ state: 'RUNNING', engine: null });
    await writeAttempt(services.objects, 'r', 1, null);
    await ingestRun(services, 'r');

    expect(await readRun(services, 'r')).toMatchObject({ state: 'RUNNING', engine: 'portable 1', device: 'cpu' });
  });

  it('takes for the best of a score the largest, and keeps the values of epochs', async () => {
    await writeAttempt(services.objects, 'r', 1, null);
    await writeChunk(services.objects, 'r', 1, 0, [
      epochRecord(1, 10, { 'dev/accuracy': 0.6 }),
      epochRecord(2, 20, { 'dev/accuracy': 0.5 }),
    ]);
    await ingestRun(services, 'r');

    expect(await summary('dev/accuracy')).toMatchObject({ best: 0.6, best_step: 10, last: 0.5 });
    expect(await allEpochs()).toEqual([
      { run_id: 'r', epoch: 1, step: 10, elapsed_seconds: 1, name: 'dev/accuracy', value: 0.6 },
      { run_id: 'r', epoch: 2, step: 20, elapsed_seconds: 2, name: 'dev/accuracy', value: 0.5 },
    ]);
  });

  it('changes nothing when done again, or twice at the same moment', async () => {
    await writeAttempt(services.objects, 'r', 1, null);
    await writeChunk(services.objects, 'r', 1, 0, [stepRecord(10, { 'train/loss': 3 })]);
    await Promise.all([ingestRun(services, 'r'), ingestRun(services, 'r'), ingestRun(services, 'r')]);
    const before = { summaries: await allSummaries(), run: await readRun(services, 'r') };
    await ingestRun(services, 'r');

    expect(before.summaries[0]).toMatchObject({ count: 1, sum: 3 });
    expect({ summaries: await allSummaries(), run: await readRun(services, 'r') }).toEqual(before);
  });

  it('sums up a resumed run as if it had never been interrupted', async () => {
    // The record of step 20 is made again by the second attempt; those behind it were computed twice.
    const first = [10, 20, 30, 40].map((step) => stepRecord(step, { 'train/loss': 100 + step }));
    const second: MetricRecord[] = [20, 30, 40].map((step) => stepRecord(step, { 'train/loss': step }));
    await writeAttempt(services.objects, 'r', 1, null);
    await writeChunk(services.objects, 'r', 1, 0, first);
    await ingestRun(services, 'r');
    await writeAttempt(services.objects, 'r', 2, 20);
    await writeChunk(services.objects, 'r', 2, 0, second.slice(0, 2));
    await ingestRun(services, 'r');
    await writeChunk(services.objects, 'r', 2, 1, [...second.slice(2), epochRecord(1, 40, { 'dev/loss': 7 })]);
    await ingestRun(services, 'r');

    // By hand: 110 of the first attempt, then 20, 30, 40 of the second.
    expect(await summary('train/loss')).toMatchObject({
      count: 4,
      sum: 200,
      min: 20,
      max: 110,
      last: 40,
      last_step: 40,
    });
    expect(
      stitch([
        { attempt: 1, resumedFromStep: null, records: first },
        { attempt: 2, resumedFromStep: 20, records: second },
      ]),
    ).toHaveLength(4);
    expect(await allEpochs()).toHaveLength(1);
  });

  it('takes in many chunks in several transactions, to the same end', async () => {
    await writeAttempt(services.objects, 'r', 1, null);
    const names = Array.from({ length: 400 }, (_, place) => `dev/class/${place}/f1`);
    for (let epoch = 1; epoch <= 10; epoch += 1)
      await writeChunk(services.objects, 'r', 1, epoch, [
        epochRecord(epoch, epoch * 10, Object.fromEntries(names.map((name) => [name, epoch]))),
      ]);
    await ingestRun(services, 'r');

    expect(await allEpochs()).toHaveLength(4000);
    expect(await summary('dev/class/399/f1')).toMatchObject({ count: 10, sum: 55, best: 10 });
  });

  it('shows the progress of the attempt at work, and not that of an earlier one', async () => {
    await writeAttempt(services.objects, 'r', 1, null);
    await writeProgress(services.objects, 'r', { attempt: 1, step: 5, totalSteps: 10 });
    await ingestRun(services, 'r');
    expect(await readRun(services, 'r')).toMatchObject({
      state: 'RUNNING',
      step: 5,
      total_steps: 10,
      phase: 'training',
      engine: 'portable 1',
    });

    await applyEvent(services, 'r', { kind: 'interrupted', attempt: 1, reason: 'stop', left: 'checkpoint' });
    await applyEvent(services, 'r', { kind: 'claimed', attempt: 2 });
    await writeProgress(services.objects, 'r', { attempt: 1, step: 6 });
    await ingestRun(services, 'r');
    expect(await readRun(services, 'r')).toMatchObject({ state: 'SUBMITTED', step: 5 });
  });

  it('takes in everything before it says that a run succeeded, and says so once', async () => {
    await writeAttempt(services.objects, 'r', 1, null);
    await writeChunk(services.objects, 'r', 1, 0, [epochRecord(1, 10, { 'dev/accuracy': 0.5 })]);
    const dataFiles = { train: { sha256: 'a', rows: 10 }, test: { sha256: 'b', rows: 2 } };
    await writeResult(services.objects, 'r', 1, { dataFiles });

    expect(await ingestResult(services, 'r')).toMatchObject({ life: { state: 'SUCCEEDED' } });
    expect(await ingestResult(services, 'r')).toBeNull();
    expect(await summary('dev/accuracy')).toMatchObject({ last: 0.5 });
    const run = await readRun(services, 'r');
    expect(run).toMatchObject({ trained_parameters: 123, selected_epoch: 1, step: 10 });
    expect(JSON.parse(run.data_files!)).toEqual(dataFiles);
    const attempts = await services.database.selectFrom('attempt').selectAll().execute();
    expect(attempts).toMatchObject([{ number: 1, outcome: 'succeeded', host: 'a-host', pid: 1 }]);
  });

  it('leaves out a damaged chunk, names it with the line and what to do, and takes in what lies behind', async () => {
    const log = jest.spyOn(console, 'error').mockImplementation(() => {});
    await writeAttempt(services.objects, 'r', 1, null);
    await writeChunk(services.objects, 'r', 1, 0, [stepRecord(1, { 'train/loss': 3 })]);
    await services.objects.write('runs/r/metrics/0001-00000001.jsonl', '{"step":1}\n');
    await writeChunk(services.objects, 'r', 1, 2, [stepRecord(3, { 'train/loss': 1 })]);
    await ingestRun(services, 'r');
    await ingestRun(services, 'r');

    expect(await summary('train/loss')).toMatchObject({ count: 2, last: 1 });
    const [told, ...more] = JSON.parse((await readRun(services, 'r')).damage!);
    expect(told).toMatch(/^runs\/r\/metrics\/0001-00000001\.jsonl is damaged \(line 1 .*restore it from a copy/);
    expect(more).toEqual([]);
    expect(log.mock.calls).toEqual([[told]]);
    log.mockRestore();
  });

  it('bills an attempt by its own measure where the clock of the machine was set back', async () => {
    await writeAttempt(services.objects, 'r', 1, null, { startedAt: '2026-01-01T01:00:00.000Z' });
    await writeProgress(services.objects, 'r', { at: '2026-01-01T00:30:00.000Z', attemptSeconds: 90 });
    await ingestRun(services, 'r');
    expect((await readRun(services, 'r')).billed_seconds).toBe(90);

    await writeResult(services.objects, 'r', 1, { finishedAt: '2026-01-01T00:31:00.000Z', attemptSeconds: 120 });
    await ingestResult(services, 'r');
    expect((await readRun(services, 'r')).billed_seconds).toBe(120);
  });

  it('follows a job from an attempt before it on, and no attempts of another job', async () => {
    const { database, objects } = services;
    const job = { name: 'j', queue: 'q', size: 1, timeout_seconds: 60, job_id: 'id-of-j', sending_at: '' };
    await database.insertInto('batch_job').values(job).execute();
    await database.updateTable('run').set({ job_name: 'j', job_index: 0 }).where('id', '=', 'r').execute();
    await writeAttempt(objects, 'r', 1, null);
    await writeAttempt(objects, 'r', 2, null, { job: 'id-of-j' });
    await writeAttempt(objects, 'r', 3, null, { job: 'id-of-j' });
    await writeAttempt(objects, 'r', 4, null, { job: 'another' });
    await ingestRun(services, 'r');
    expect((await readRun(services, 'r')).attempt).toBe(3);
  });

  it('ends a batch at so many values, and at as many rows as a transaction may change', async () => {
    const { objects } = services;
    const named = (from: number, count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, place) => [`m${from + place}`, 1]));
    await writeAttempt(objects, 'r', 1, null);
    // 2,000 rows of 1,000 values, then 900 of 450: together too many rows for one transaction.
    await writeChunk(objects, 'r', 1, 0, [epochRecord(1, 1, named(0, 1000))]);
    await writeChunk(objects, 'r', 1, 1, [epochRecord(1, 1, named(1000, 450))]);
    expect(await nextBatch(objects, 'r', '')).toMatchObject({
      lastKey: 'runs/r/metrics/0001-00000000.jsonl',
      more: true,
    });

    // 1,600 values in 2 rows.
    const steps = Array.from({ length: 800 }, (_, step) => stepRecord(step, { a: 1, b: 2 }));
    await writeAttempt(objects, 's', 1, null, { runId: 's' });
    await writeChunk(objects, 's', 1, 0, steps);
    await writeChunk(objects, 's', 1, 1, [stepRecord(801, { a: 1 })]);
    expect(await nextBatch(objects, 's', '')).toMatchObject({
      lastKey: 'runs/s/metrics/0001-00000000.jsonl',
      more: true,
    });
  });
});
