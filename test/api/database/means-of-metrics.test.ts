import type { Kysely } from 'kysely';
import { fillAgain, migrate } from '../../../api/database/migrate';
import type { Tables } from '../../../api/database/tables';
import { searchRuns } from '../../../api/runs/run.service';
import type { RunOrder } from '../../../api/runs/run-filter';
import { insertAll } from '../../../bench/records/many-runs';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { countTransactions } from '../../testkit/counted-transactions';

const services = useTestServices();
const newMigrations = ['0013-means-of-metrics', '0014-orders-by-metrics'];
const numberOfRuns = 800;
/** More than one transaction fills. */
const metricsOfFirstRun = 1700;

/** Records as the version before these migrations left them: one run with many metrics, others with one. */
async function oldRecords(): Promise<Kysely<Tables>> {
  const database = services().database.withoutPlugins();
  for (const column of ['min', 'max', 'mean'])
    await database.schema.dropIndex(`summary_metric_by_name_${column}_run_id`).execute();
  await database.schema.alterTable('summary_metric').dropColumn('mean').execute();
  await database.deleteFrom('migration').where('name', 'in', newMigrations).execute();
  const names = Array.from({ length: metricsOfFirstRun }, (_, at) => `dev/confusion/a/${at}`);
  const rows = [
    ...names.map((name, at) => oldRow('run-0000', name, at)),
    ...Array.from({ length: numberOfRuns }, (_, at) => oldRow(runId(at), 'test/accuracy', at)),
  ];
  await insertAll(database as never, 'summary_metric', rows as Tables['summary_metric'][]);
  return database;
}

const runId = (at: number): string => `run-${String(at).padStart(4, '0')}`;

/** Thirds, which are rounded, and means that repeat. */
function oldRow(run_id: string, name: string, at: number) {
  const sum = ((at * 7) % 300) / 10;
  const steps = { last_step: 3, min_step: 1, max_step: 2, best_step: 2 };
  return { run_id, name, count: 3, last: 0.1, min: -sum, max: sum, sum, best: sum, ...steps };
}

const contents = (database: Kysely<Tables>) =>
  database.selectFrom('summary_metric').selectAll().orderBy('run_id').orderBy('name').execute();

async function expectMeans(database: Kysely<Tables>, before: object[]): Promise<void> {
  const after = await contents(database);
  expect(after.map(({ mean: _, ...row }) => row)).toEqual(before.map((row) => ({ ...row })));
  expect(after.filter(({ mean, sum, count }) => mean !== sum / count)).toEqual([]);
}

describe('the migration that stores the means of metrics', () => {
  it('fills them in rows that are there, at most 1,000 in a transaction, and changes nothing else', async () => {
    const old = await oldRecords();
    const before = await contents(old);
    expect(before).toHaveLength(metricsOfFirstRun + numberOfRuns);
    const { database, changedRows } = countTransactions(old);
    await migrate(database);
    expect(changedRows).toEqual([1000, 1000, 500, 0]);
    await expectMeans(old, before);
  });

  it.each([0, 1, 2])('goes on where the process died in transaction %i', async (failAt) => {
    const old = await oldRecords();
    const before = await contents(old);
    await expect(migrate(countTransactions(old, failAt).database)).rejects.toThrow('the process died');
    const done = await old.selectFrom('migration').select('name').execute();
    expect(done.map(({ name }) => name)).not.toContain(newMigrations[0]);

    const { database, changedRows } = countTransactions(old);
    await migrate(database);
    expect(changedRows.reduce((sum, rows) => sum + rows, 0)).toBe(before.length - failAt * 1000);
    await expectMeans(old, before);
  });

  it('fills them again for a while, since a server of the version before may write rows', async () => {
    const old = await oldRecords();
    const before = await contents(old);
    await migrate(old);
    const asOldServerWrites = async () => {
      await old.updateTable('summary_metric').set({ mean: null }).where('run_id', '=', runId(3)).execute();
      await old.updateTable('summary_metric').set({ mean: 5.5 }).where('run_id', '=', runId(4)).execute();
    };
    for (const fill of [() => migrate(old), () => fillAgain(old, 1)]) {
      await asOldServerWrites();
      await fill();
      await expectMeans(old, before);
    }
    await asOldServerWrites();
    const longAgo = new Date(Date.now() - 25 * 3_600_000).toISOString();
    await old.updateTable('migration').set({ applied_at: longAgo }).execute();
    await migrate(old);
    expect((await contents(old)).filter(({ mean }) => mean === null)).toHaveLength(1);
  });

  it('lets the runs be listed in their order afterwards', async () => {
    const old = await oldRecords();
    await insertExperiment(services());
    const stored = [0, 1, 2, 3, 300, 301].map(runId);
    for (const id of stored) await insertRun(services(), id);
    await old.deleteFrom('summary_metric').where('run_id', 'not in', stored).execute();
    await migrate(old);
    const idsBy = async (direction: RunOrder['direction']) => {
      const order: RunOrder[] = [{ metric: { name: 'test/accuracy', reducer: 'MEAN' }, direction, nulls: 'LAST' }];
      const { edges } = await searchRuns(services(), {}, order, { first: 10 });
      return edges.map(({ node }) => node.id);
    };
    // Sums are 0, 0.7, 1.4, 2.1, 0 and 0.7.
    const ascending = [0, 300, 1, 301, 2, 3].map(runId);
    expect(await idsBy('ASC')).toEqual(ascending);
    expect(await idsBy('DESC')).toEqual(ascending.toReversed());
  });
});
