import { prune } from '../../../api/pruning/prune.service';
import { findChangedRuns } from '../../../api/subscriptions/run-change.store';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';

const services = useTestServices();
const now = new Date('2026-06-01T00:00:00.000Z');
const old = '2026-04-01T00:00:00.000Z';
const recent = '2026-05-20T00:00:00.000Z';

beforeEach(async () => {
  await insertExperiment(services());
});

const insertKey = (key: string, created_at: string) =>
  services()
    .database.insertInto('idempotency')
    .values({ key, mutation: 'm', body_hash: 'h', response: '{}', created_at })
    .execute();
const insertJob = (name: string, sending_at: string) =>
  services()
    .database.insertInto('batch_job')
    .values({ name, queue: 'q', size: 1, timeout_seconds: 60, job_id: name, sending_at })
    .execute();

describe('pruning', () => {
  it('forgets request ids of more than 30 days ago, however many there are', async () => {
    const { database } = services();
    const keys = Array.from({ length: 2500 }, (_, place) => `old-${place}`);
    for (let start = 0; start < keys.length; start += 500)
      await database
        .insertInto('idempotency')
        .values(
          keys
            .slice(start, start + 500)
            .map((key) => ({ key, mutation: 'm', body_hash: 'h', response: '{}', created_at: old })),
        )
        .execute();
    await insertKey('recent', recent);
    await prune(services(), now);
    expect(await database.selectFrom('idempotency').select('key').execute()).toEqual([{ key: 'recent' }]);
  });

  it('forgets Batch jobs without a run under way, and keeps the others', async () => {
    const { database } = services();
    await insertRun(services(), 'over', { state: 'SUCCEEDED', job_name: 'ended' });
    await insertRun(services(), 'at-work', { state: 'RUNNING', job_name: 'long' });
    for (const name of ['ended', 'long', 'without-runs']) await insertJob(name, old);
    await insertJob('new', recent);
    await prune(services(), now);
    const names = await database.selectFrom('batch_job').select('name').orderBy('name').execute();
    expect(names).toEqual([{ name: 'long' }, { name: 'new' }]);
  });

  it('forgets the order of old changes; who follows the experiment afterwards still sees every run', async () => {
    const { database } = services();
    await insertRun(services(), 'a', { state: 'SUCCEEDED' });
    await insertRun(services(), 'b', { state: 'SUCCEEDED' });
    const beginning = { changedAt: '', runId: '' };
    const before = await findChangedRuns(database, 'experiment', beginning, 10);
    await database.updateTable('run_change').set({ at: old }).where('run_id', '=', 'a').execute();
    await database.updateTable('run_change').set({ at: recent }).where('run_id', '=', 'b').execute();
    await prune(services(), now);
    expect(await database.selectFrom('run_change').select('run_id').execute()).toEqual([{ run_id: 'b' }]);
    const after = await findChangedRuns(database, 'experiment', beginning, 10);
    expect(after.map(({ run }) => run.id).sort()).toEqual(before.map(({ run }) => run.id).sort());
  });
});
