import type { Database, DatabaseTransaction } from '../database/database';
import type { RunTable } from '../database/tables';

/** Ids of all runs, in their order. */
export async function findAllRuns(database: Database): Promise<string[]> {
  const rows = await database.selectFrom('run').select('id').orderBy('id').execute();
  return rows.map(({ id }) => id);
}

export async function countExperiments(database: Database): Promise<number> {
  const { count } = await database
    .selectFrom('experiment')
    .select((build) => build.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** The position behind the last run of an experiment. */
export async function nextPosition(transaction: DatabaseTransaction, experimentId: string): Promise<number> {
  const last = await transaction
    .selectFrom('run')
    .select('position')
    .where('experiment_id', '=', experimentId)
    .orderBy('position', 'desc')
    .limit(1)
    .executeTakeFirst();
  return (last?.position ?? -1) + 1;
}

/** Writes columns of a run as they were, without an event of its life. */
export async function restoreColumns(database: Database, id: string, columns: Partial<RunTable>): Promise<void> {
  await database.updateTable('run').set(columns).where('id', '=', id).execute();
}
