import type { Kysely, Transaction } from 'kysely';
import type { RunSpec } from '../../contract/run-spec';
import type { ExperimentTable, RunState, RunTable, Tables } from '../database/tables';
import { inTransaction } from '../database/transaction';
import { parameterRows } from '../definition/variant-group';

type Database = Kysely<Tables>;

/** Rows of one statement: SQLite takes 32,766 values in one, a run has some 40. */
const rowsPerStatement = 200;
/** Aurora DSQL changes at most 3,000 rows in one transaction. */
const rowsPerTransaction = 2000;

export function findExperiment(database: Database, id: string): Promise<ExperimentTable | undefined> {
  return database.selectFrom('experiment').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function hasExperiment(database: Database, id: string): Promise<boolean> {
  const row = await database.selectFrom('experiment').select('id').where('id', '=', id).executeTakeFirst();
  return row !== undefined;
}

export async function insertExperiment(
  transaction: Transaction<Tables>,
  experiment: ExperimentTable,
  tags: readonly string[],
): Promise<void> {
  await transaction.insertInto('experiment').values(experiment).execute();
  await addTags(transaction, experiment.id, tags);
}

/**
 * Stores the hyper-parameters of runs that are about to be stored, in transactions of their own: an experiment has more
 * of them than one transaction may change on Aurora DSQL. Before there are runs nobody sees them, so that what is left
 * where the process dies in between means nothing.
 */
export async function insertParameters(database: Database, specs: readonly RunSpec[]): Promise<void> {
  const rows = specs.flatMap((spec) => parameterRows(spec).map((row) => ({ ...row, run_id: spec.runId })));
  for (let start = 0; start < rows.length; start += rowsPerTransaction)
    await inTransaction(database, (transaction) =>
      insertParameterRows(transaction, rows.slice(start, start + rowsPerTransaction)),
    );
}

async function insertParameterRows(transaction: Transaction<Tables>, rows: readonly Tables['run_parameter'][]) {
  for (let start = 0; start < rows.length; start += rowsPerStatement)
    await transaction
      .insertInto('run_parameter')
      .values(rows.slice(start, start + rowsPerStatement))
      // Left by a reindex that was cut off.
      .onConflict((conflict) => conflict.columns(['run_id', 'name']).doNothing())
      .execute();
}

export async function insertRuns(transaction: Transaction<Tables>, runs: readonly RunTable[]): Promise<void> {
  for (let start = 0; start < runs.length; start += rowsPerStatement)
    await transaction
      .insertInto('run')
      .values(runs.slice(start, start + rowsPerStatement))
      .execute();
}

/** Launches a draft. @returns whether it was one */
export async function launchDraft(transaction: Transaction<Tables>, id: string, now: string): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable('experiment')
    .set({ state: 'launched', launched_at: now, updated_at: now })
    .where('id', '=', id)
    .where('state', '=', 'draft')
    .where('archived_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function setArchived(transaction: Transaction<Tables>, id: string, at: string | null, now: string) {
  await transaction.updateTable('experiment').set({ archived_at: at, updated_at: now }).where('id', '=', id).execute();
}

export async function addTags(transaction: Transaction<Tables>, id: string, tags: readonly string[]): Promise<void> {
  if (tags.length === 0) return;
  await transaction
    .insertInto('experiment_tag')
    .values(tags.map((tag) => ({ experiment_id: id, tag })))
    .onConflict((conflict) => conflict.columns(['experiment_id', 'tag']).doNothing())
    .execute();
}

export async function removeTags(transaction: Transaction<Tables>, id: string, tags: readonly string[]): Promise<void> {
  if (tags.length === 0) return;
  await transaction.deleteFrom('experiment_tag').where('experiment_id', '=', id).where('tag', 'in', tags).execute();
}

export async function findTags(database: Database, id: string): Promise<string[]> {
  const rows = await database.selectFrom('experiment_tag').select('tag').where('experiment_id', '=', id).execute();
  return rows.map(({ tag }) => tag);
}

export async function insertNote(transaction: Transaction<Tables>, note: Tables['note']): Promise<void> {
  await transaction.insertInto('note').values(note).execute();
}

export function findNote(database: Database, id: string): Promise<Tables['note'] | undefined> {
  return database.selectFrom('note').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Ids of an experiment's runs in certain states, in the order of their positions. */
export async function findRunIds(database: Database, experimentId: string, states: readonly RunState[]) {
  const rows = await database
    .selectFrom('run')
    .select('id')
    .where('experiment_id', '=', experimentId)
    .where('state', 'in', states)
    .orderBy('position')
    .execute();
  return rows.map(({ id }) => id);
}
