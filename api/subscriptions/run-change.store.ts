import type { Kysely, Transaction } from 'kysely';
import type { RunTable, Tables } from '../database/tables';
import { inTransaction } from '../database/transaction';
import type { RunCursor } from './cursors';

/** Aurora DSQL changes at most 3,000 rows in a transaction. */
const runsPerTransaction = 500;
/** Transactions that place changes before those placed are given out: others may change runs all the while. */
const mostPlacings = 100;

/** A run with its place among the changes of its experiment. */
export interface PlacedRun {
  place: RunCursor;
  run: RunTable;
}

/**
 * The runs of an experiment that changed behind a place, in the order of their changes.
 *
 * Transactions at one time end in another order than they begin, so no time or number that the writer of a change takes
 * tells when the change can be seen: who has read up to it may have missed an earlier one. Changes get their places
 * when they are first seen, by those who follow them.
 */
export async function findChangedRuns(
  database: Kysely<Tables>,
  experimentId: string,
  { changedAt, runId }: RunCursor,
  limit: number,
): Promise<PlacedRun[]> {
  for (let places = 0; places < mostPlacings; places += 1) if (!(await placeChanges(database, experimentId))) break;
  const rows = await database
    .selectFrom('run_change')
    .innerJoin('run', 'run.id', 'run_change.run_id')
    .selectAll('run')
    .select('run_change.at')
    .where('run_change.experiment_id', '=', experimentId)
    // One that changed once more since a moment ago comes with that change.
    .whereRef('run.revision', '=', 'run_change.revision')
    .where((where) =>
      where.or([
        where('run_change.at', '>', changedAt),
        where.and([where('run_change.at', '=', changedAt), where('run_change.run_id', '>', runId)]),
      ]),
    )
    .orderBy('run_change.at')
    .orderBy('run_change.run_id')
    .limit(limit)
    .execute();
  return rows.map(({ at, ...run }) => ({ place: { changedAt: at, runId: run.id }, run }));
}

/** Gives changes that are seen and have no place yet a common one behind all others. @returns whether there may be more */
async function placeChanges(database: Kysely<Tables>, experimentId: string): Promise<boolean> {
  // Nothing is new most of the time, and that needs no transaction.
  if ((await findUnplaced(database, experimentId, 1)).length === 0) return false;
  return inTransaction(database, async (transaction) => {
    const changes = await findUnplaced(transaction, experimentId, runsPerTransaction);
    if (changes.length === 0) return false;
    const at = await nextTime(transaction, experimentId);
    await transaction
      .insertInto('run_change')
      .values(changes.map(({ id, revision }) => ({ run_id: id, experiment_id: experimentId, revision, at })))
      .onConflict((conflict) =>
        conflict.column('run_id').doUpdateSet((set) => ({ revision: set.ref('excluded.revision'), at })),
      )
      .execute();
    return changes.length === runsPerTransaction;
  });
}

function findUnplaced(database: Kysely<Tables>, experimentId: string, limit: number) {
  return database
    .selectFrom('run')
    .leftJoin('run_change', 'run_change.run_id', 'run.id')
    .select(['run.id', 'run.revision'])
    .where('run.experiment_id', '=', experimentId)
    .where((where) =>
      where.or([
        where('run_change.revision', 'is', null),
        where('run_change.revision', '<>', where.ref('run.revision')),
      ]),
    )
    .limit(limit)
    .execute();
}

/**
 * The time behind all that were given out, also where the clock goes back. Whoever gives places writes this row: of two
 * at one time only one is committed, and the other finds nothing left to place, or gives a later one.
 */
async function nextTime(transaction: Transaction<Tables>, experimentId: string): Promise<string> {
  const last = await transaction
    .selectFrom('run_change_clock')
    .select('at')
    .where('experiment_id', '=', experimentId)
    .executeTakeFirst();
  const at = new Date(Math.max(Date.now(), last === undefined ? 0 : Date.parse(last.at) + 1)).toISOString();
  await transaction
    .insertInto('run_change_clock')
    .values({ experiment_id: experimentId, at })
    .onConflict((conflict) => conflict.column('experiment_id').doUpdateSet({ at }))
    .execute();
  return at;
}
