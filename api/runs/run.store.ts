import { overStates, type RunState } from '../../contract/run-states';
import type { Database, DatabaseTransaction } from '../database/database';
import type { RunTable } from '../database/tables';
import { inParts } from '../shared/in-parts';

const idsPerStatement = 500;

export function findRun(database: Database, id: string): Promise<RunTable | undefined> {
  return database.selectFrom('run').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The runs with these ids, in no order. */
export async function findRunsById(database: Database, ids: readonly string[]): Promise<RunTable[]> {
  const found: RunTable[] = [];
  for (const part of inParts(ids, idsPerStatement))
    found.push(...(await database.selectFrom('run').selectAll().where('id', 'in', part).execute()));
  return found;
}

export async function findRunState(database: Database, id: string): Promise<RunState | null> {
  const run = await database.selectFrom('run').select('state').where('id', '=', id).executeTakeFirst();
  return run?.state ?? null;
}

/** The experiment of each run, by the run's id; unknown runs are missing. */
export async function findExperimentsOfRuns(database: Database, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await database.selectFrom('run').select(['id', 'experiment_id']).where('id', 'in', ids).execute();
  return new Map(rows.map(({ id, experiment_id }) => [id, experiment_id]));
}

/** Ids of an experiment's runs that are not over and that nobody cancelled yet. */
export async function findCancellableRuns(database: Database, experimentId: string): Promise<string[]> {
  const rows = await database
    .selectFrom('run')
    .select('id')
    .where('experiment_id', '=', experimentId)
    .where('state', 'not in', overStates)
    .where('cancel_requested', '=', 0)
    .execute();
  return rows.map(({ id }) => id);
}

export interface FailedRun {
  id: string;
  /** State and experiment of the runs that it depends on; null without one. */
  teacherState: RunState | null;
  teacherExperiment: string | null;
  studentState: RunState | null;
  studentExperiment: string | null;
}

/** The failed runs of an experiment, in the order of their positions. */
export function findFailedRuns(database: Database, experimentId: string): Promise<FailedRun[]> {
  return database
    .selectFrom('run')
    .leftJoin('run as teacher', 'teacher.id', 'run.depends_on')
    .leftJoin('run as student', 'student.id', 'run.student_depends_on')
    .select(['run.id', 'teacher.state as teacherState', 'teacher.experiment_id as teacherExperiment'])
    .select(['student.state as studentState', 'student.experiment_id as studentExperiment'])
    .where('run.experiment_id', '=', experimentId)
    .where('run.state', '=', 'FAILED')
    .orderBy('run.position')
    .execute();
}

/** Changes a run as it was read. @returns false where another writer changed it since */
export async function updateRun(
  transaction: DatabaseTransaction,
  { id, revision }: Pick<RunTable, 'id' | 'revision'>,
  columns: Partial<RunTable>,
): Promise<boolean> {
  const updated = await transaction
    .updateTable('run')
    .set({ ...columns, revision: revision + 1 })
    .where('id', '=', id)
    .where('revision', '=', revision)
    .executeTakeFirst();
  return updated.numUpdatedRows === 1n;
}

/** Changes runs alike, in as few statements as the engines allow. */
export async function updateRuns(
  transaction: DatabaseTransaction,
  ids: readonly string[],
  columns: Partial<RunTable>,
): Promise<void> {
  for (const part of inParts(ids, idsPerStatement))
    await transaction
      .updateTable('run')
      .set(columns)
      .set((column) => ({ revision: column('revision', '+', 1) }))
      .where('id', 'in', part)
      .execute();
}

/** When a run changed last, in milliseconds since 1970; 0 where there is no run. */
export async function findLastChangeTime(database: Database): Promise<number> {
  const newest = await database
    .selectFrom('run')
    .select('updated_at')
    .orderBy('updated_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return newest === undefined ? 0 : Date.parse(newest.updated_at);
}

/**
 * A time for `run.updated_at` that is later than every one given out before, also where the clock stood still or went
 * back: by it other servers look for changes (`watchRuns`). Rows changed in one transaction may share it.
 */
export async function nextChangeTime(transaction: DatabaseTransaction): Promise<string> {
  return new Date(Math.max(Date.now(), (await findLastChangeTime(transaction)) + 1)).toISOString();
}

/** Runs that changed after a time, the newest changes first. */
export function findRunsChangedSince(
  database: Database,
  since: string,
  limit: number,
): Promise<Pick<RunTable, 'id' | 'experiment_id' | 'revision'>[]> {
  return database
    .selectFrom('run')
    .select(['id', 'experiment_id', 'revision'])
    .where('updated_at', '>', since)
    .orderBy('updated_at', 'desc')
    .limit(limit)
    .execute();
}
