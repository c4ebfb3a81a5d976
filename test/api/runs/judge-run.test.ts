import { join } from 'node:path';
import { openSqlite } from '../../../api/database/sqlite';
import { completeDefinition } from '../../../api/definition/definition';
import { ingestRun } from '../../../api/ingest/ingest.service';
import { reindex } from '../../../api/process/reindex.service';
import { findRung } from '../../../api/runs/halving.store';
import { applyEvent } from '../../../api/runs/run-life.service';
import { cancelledKey, experimentKey, metricsKey, specKey } from '../../../contract/keys';
import type { MetricRecord } from '../../../contract/records';
import { insertExperiment, insertRun, readRun, useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';

const services = useTestServices();

const halving = { minEpochs: 1, reduction: 2 };
const variants = [{ name: 'kd', method: 'kd', parameters: {} }];

async function define(changes: object = {}): Promise<void> {
  await insertExperiment(services(), { definition: JSON.stringify({ variants, halving, ...changes }) });
}

/** A run at work, of four epochs: rungs are at 1 and 2. */
async function atWork(id: string, variant = `kd [alpha=${id}]`): Promise<void> {
  await insertRun(services(), id, { variant, total_epochs: 4 });
  await applyEvent(services(), id, { kind: 'claimed', attempt: 1 });
  await applyEvent(services(), id, { kind: 'started', attempt: 1 });
}

const chunks = new Map<string, number>();

/** The trainer closes an epoch, and what it wrote is taken in. */
async function evaluate(id: string, epoch: number, accuracy: number, loss = 1): Promise<void> {
  const sequence = chunks.get(id) ?? 0;
  chunks.set(id, sequence + 1);
  const record: MetricRecord = {
    ...{ step: epoch * 10, epoch, elapsedSeconds: epoch, scope: 'epoch' },
    values: { 'dev/accuracy': accuracy, 'test/accuracy': 1 - accuracy, 'dev/loss': loss },
  };
  await services().objects.write(metricsKey(id, 1, sequence), `${JSON.stringify(record)}\n`);
  await ingestRun(services(), id);
}

const wishOf = async (id: string) => (await readRun(services(), id)).cancel_requested;
const rungOf = (epoch: number) =>
  services()
    .database.selectFrom('rung_result')
    .select(['run_id', 'place', 'value', 'goes_on'])
    .where('epoch', '=', epoch)
    .orderBy('place')
    .execute();

beforeEach(() => chunks.clear());

describe('runs of a search', () => {
  it('are judged at their rungs in the order of arrival, and stopped where they fall behind', async () => {
    await define();
    for (const id of ['a', 'b', 'c']) await atWork(id);
    await evaluate('a', 1, 0.7);
    await evaluate('b', 1, 0.6);
    await evaluate('c', 1, 0.8);
    // One alone goes on; of two the better half is a; of three one goes on, and c is the best.
    expect(await rungOf(1)).toEqual([
      { run_id: 'a', place: 1, value: 0.7, goes_on: 1 },
      { run_id: 'b', place: 2, value: 0.6, goes_on: 0 },
      { run_id: 'c', place: 3, value: 0.8, goes_on: 1 },
    ]);
    expect([await wishOf('a'), await wishOf('b'), await wishOf('c')]).toEqual([0, 2, 0]);
    expect(services().wakeUps).toBe(1);
  });

  it('are judged by the metric that selects their models, here the lowest loss up to the rung', async () => {
    await define({ selectBy: 'dev/loss', halving: { minEpochs: 2, reduction: 2 } });
    for (const id of ['a', 'b']) await atWork(id);
    await evaluate('a', 1, 0.1, 0.2);
    await evaluate('a', 2, 0.1, 0.9);
    await evaluate('b', 1, 0.9, 0.5);
    await evaluate('b', 2, 0.9, 0.3);
    expect(await rungOf(2)).toEqual([
      { run_id: 'a', place: 1, value: 0.2, goes_on: 1 },
      { run_id: 'b', place: 2, value: 0.3, goes_on: 0 },
    ]);
  });

  it('end as STOPPED, keep what they have, and say up to where they count', async () => {
    await define();
    for (const id of ['a', 'b']) await atWork(id);
    await evaluate('a', 1, 0.7);
    await evaluate('b', 1, 0.6);
    await applyEvent(services(), 'b', { kind: 'interrupted', attempt: 1, reason: '', left: 'checkpoint' });
    const { run } = await dataOf(
      services(),
      '{ run(id: "b") { state failure { kind } stoppedAtEpoch cancelRequested metrics(names: ["dev/accuracy"]) { last } } }',
    );
    expect(run).toEqual({
      ...{ state: 'STOPPED', failure: null, stoppedAtEpoch: 1, cancelRequested: false },
      metrics: [{ last: 0.6 }],
    });
    const kept = JSON.parse(Buffer.from((await services().objects.read(cancelledKey('b'))) ?? '').toString());
    expect(kept).toMatchObject({ stoppedAtEpoch: 1 });
  });

  it('come back from the objects alone as they ended, none of them judged anew', async () => {
    await define();
    // Taken in by their ids, b before c: c would then be the worse of two.
    for (const id of ['b', 'c']) await atWork(id);
    await evaluate('c', 1, 0.6);
    await evaluate('b', 1, 0.5);
    for (const id of ['b', 'c']) {
      const { spec } = await readRun(services(), id);
      await services().objects.write(specKey(id), spec);
    }
    const data = { train: '/nowhere/train.csv', test: '/nowhere/test.csv' };
    const definition = completeDefinition({ name: 'A search', data, variants, halving });
    const record = { version: 1, id: 'experiment', definition };
    const times = { clonedFrom: null, createdAt: '2026-01-01T00:00:00.000Z', launchedAt: null };
    await services().objects.write(experimentKey('experiment'), JSON.stringify({ ...record, ...times }));

    const database = await openSqlite(join(services().folder, 'rebuilt.sqlite'));
    const report = await reindex({ ...services(), database });
    expect(report).toEqual({ experiments: 1, runs: 2, problems: [] });
    const runs = await database.selectFrom('run').select(['id', 'state', 'cancel_requested']).orderBy('id').execute();
    expect(runs).toEqual([
      { id: 'b', state: 'STOPPED', cancel_requested: 2 },
      { id: 'c', state: 'PENDING', cancel_requested: 0 },
    ]);
    const judged = await database.selectFrom('rung_result').select(['run_id', 'goes_on']).orderBy('run_id').execute();
    expect(judged).toEqual([
      { run_id: 'b', goes_on: 0 },
      { run_id: 'c', goes_on: 1 },
    ]);
    await database.destroy();
  });

  it('are judged by the best on dev up to the rung, never by the test set', async () => {
    await define();
    for (const id of ['a', 'b']) await atWork(id);
    await evaluate('a', 1, 0.7);
    await evaluate('a', 2, 0.5);
    await evaluate('b', 1, 0.9);
    await evaluate('b', 2, 0.6);
    expect(await rungOf(2)).toEqual([
      { run_id: 'a', place: 1, value: 0.7, goes_on: 1 },
      { run_id: 'b', place: 2, value: 0.9, goes_on: 1 },
    ]);
  });

  it('compete with runs of their own variant alone', async () => {
    await define({ variants: [...variants, { name: 'scratch', method: 'scratch', parameters: {} }] });
    await atWork('a');
    await atWork('s', 'scratch');
    await evaluate('a', 1, 0.7);
    await evaluate('s', 1, 0.1);
    expect(await wishOf('s')).toBe(0);
  });

  it('are judged once: what is taken in again changes nothing', async () => {
    await define();
    await atWork('a');
    await evaluate('a', 1, 0.7);
    await services().database.deleteFrom('ingest').execute();
    await ingestRun(services(), 'a');
    expect(await rungOf(1)).toHaveLength(1);
  });

  it('are left alone where nobody asked for it, and so is the teacher', async () => {
    await define({ halving: null });
    for (const id of ['a', 'b']) await atWork(id);
    await evaluate('a', 1, 0.7);
    await evaluate('b', 1, 0.1);
    expect(await rungOf(1)).toEqual([]);
    await services()
      .database.updateTable('experiment')
      .set({ definition: JSON.stringify({ variants, halving }) })
      .execute();
    await atWork('t', 'teacher');
    await evaluate('t', 1, 0.1);
    expect(await rungOf(1)).toEqual([]);
  });

  it('of a rung are read in the order of arrival, in whatever order they are stored', async () => {
    await define();
    const { database } = services();
    const rung = { experimentId: 'experiment', variant: 'kd', epoch: 1 };
    for (const place of [2, 1, 3])
      await database
        .insertInto('rung_result')
        .values({
          ...{ experiment_id: rung.experimentId, variant: rung.variant, epoch: rung.epoch, place },
          ...{ run_id: `r-${place}`, value: place / 10, goes_on: 1, decided_at: '2026-01-01T00:00:00.000Z' },
        })
        .execute();
    expect((await findRung(database, rung)).map(({ place }) => place)).toEqual([1, 2, 3]);
  });
});
