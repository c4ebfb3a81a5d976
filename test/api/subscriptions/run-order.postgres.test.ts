import { inTransaction } from '../../../api/database/transaction';
import { applyEvent, applyEventIn } from '../../../api/runs/run-life.service';
import { followRuns } from '../../../api/subscriptions/run-updates.service';
import { insertExperiment, insertRun, type TestServices, useTestServices } from '../../testkit/api-services';

const testServices = useTestServices();
let services: TestServices;
beforeEach(async () => {
  services = testServices();
  // As in a function, where nobody waits: each reading is of a client that has come back with its cursor.
  services.changes = { ...services.changes, listen: () => null };
  await insertExperiment(services);
});

/** A client that connects anew for every look, and what it knows: the revision of each run. */
function returningClient() {
  const known = new Map<string, number>();
  let cursor: string | null = null;
  return {
    known,
    async look(): Promise<void> {
      for await (const update of await followRuns(services, 'experiment', cursor)) {
        known.set(update.run.id, update.run.revision);
        cursor = update.cursor;
      }
    },
  };
}

it('a change that began before another and is committed after it is not missed by who saw the other', async () => {
  for (const id of ['early', 'late']) await insertRun(services, id);
  const client = returningClient();
  await client.look();
  let commit = () => {};
  const committed = new Promise<void>((resolve) => {
    commit = resolve;
  });
  let changed = () => {};
  const early = inTransaction(services.database, async (transaction) => {
    await applyEventIn(transaction, 'early', { kind: 'cancel-requested' });
    changed();
    await committed;
  });
  await new Promise<void>((resolve) => {
    changed = resolve;
  });
  await applyEvent(services, 'late', { kind: 'cancel-requested' });
  await client.look();
  expect(Object.fromEntries(client.known)).toEqual({ early: 0, late: 1 });
  commit();
  await early;
  await client.look();
  expect(Object.fromEntries(client.known)).toEqual({ early: 1, late: 1 });
});

it('whatever several servers change at one time, a client that comes back again and again sees all of it', async () => {
  const writers = 4;
  const changesEach = 25;
  for (let writer = 0; writer < writers; writer += 1)
    await insertRun(services, `r${writer}`, { state: 'RUNNING', attempt: 1 });
  const client = returningClient();
  let writing = true;
  const writes = Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let step = 1; step <= changesEach; step += 1)
        await applyEvent(services, `r${writer}`, { kind: 'progressed', attempt: 1 }, { step });
    }),
  ).finally(() => {
    writing = false;
  });
  while (writing) await client.look();
  await writes;
  await client.look();
  const rows = await services.database.selectFrom('run').select(['id', 'revision', 'updated_at']).execute();
  expect(Object.fromEntries(client.known)).toEqual(Object.fromEntries(rows.map(({ id }) => [id, changesEach])));
});
