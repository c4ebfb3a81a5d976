import type { Kysely, Transaction } from 'kysely';
import type { BatchJobTable, Tables } from '../database/tables';

export type BatchJob = BatchJobTable;

export async function insertJob(transaction: Transaction<Tables>, job: BatchJob): Promise<void> {
  await transaction.insertInto('batch_job').values(job).execute();
}

export function findJob(database: Kysely<Tables>, name: string): Promise<BatchJob | undefined> {
  return database.selectFrom('batch_job').selectAll().where('name', '=', name).executeTakeFirst();
}

/** Jobs of runs under way of which nobody knows whether Batch has them, and which nobody is sending. */
export function findUnsentJobs(database: Kysely<Tables>, sentBefore: string, limit: number): Promise<BatchJob[]> {
  return database
    .selectFrom('batch_job')
    .innerJoin('run', 'run.job_name', 'batch_job.name')
    .selectAll('batch_job')
    .distinct()
    .where('batch_job.job_id', 'is', null)
    .where('batch_job.sending_at', '<', sentBefore)
    .where('run.state', 'in', ['SUBMITTED', 'STARTING', 'RUNNING'])
    .orderBy('batch_job.sending_at')
    .limit(limit)
    .execute();
}

/**
 * Takes it upon the caller to send a job, or gives that back.
 * @returns whether nobody else did since the job was read
 */
export async function takeSending(database: Kysely<Tables>, job: BatchJob, sendingAt: string): Promise<boolean> {
  const { numUpdatedRows } = await database
    .updateTable('batch_job')
    .set({ sending_at: sendingAt })
    .where('name', '=', job.name)
    .where('sending_at', '=', job.sending_at)
    .where('job_id', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Records under which id Batch has a job. @returns the id that is recorded: another one where one was already */
export async function recordJobId(database: Kysely<Tables>, name: string, jobId: string): Promise<string | null> {
  await database
    .updateTable('batch_job')
    .set({ job_id: jobId })
    .where('name', '=', name)
    .where('job_id', 'is', null)
    .execute();
  return (await findJob(database, name))?.job_id ?? null;
}

/** How often a run has changed so far. */
export async function findRevision(transaction: Transaction<Tables>, runId: string): Promise<number | undefined> {
  const run = await transaction.selectFrom('run').select('revision').where('id', '=', runId).executeTakeFirst();
  return run?.revision;
}

/** The runs of a job in the order of its children. */
export async function findJobRuns(database: Kysely<Tables>, name: string) {
  return database
    .selectFrom('run')
    .select(['id', 'experiment_id', 'variant', 'method', 'attempt', 'cancel_requested'])
    .where('job_name', '=', name)
    .orderBy('job_index')
    .execute();
}
export type JobRun = Awaited<ReturnType<typeof findJobRuns>>[number];

/** The definitions of experiments, as stored. */
export async function findDefinitions(database: Kysely<Tables>, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await database.selectFrom('experiment').select(['id', 'definition']).where('id', 'in', ids).execute();
  return new Map(rows.map(({ id, definition }) => [id, definition]));
}

export async function countActiveRuns(database: Kysely<Tables>): Promise<number> {
  const { count } = await database
    .selectFrom('run')
    .select((build) => build.fn.countAll<number>().as('count'))
    .where('state', 'in', ['SUBMITTED', 'STARTING', 'RUNNING'])
    .executeTakeFirstOrThrow();
  return Number(count);
}

export async function recordLog(database: Kysely<Tables>, runId: string, attempt: number, log: string): Promise<void> {
  await database
    .updateTable('attempt')
    .set({ log })
    .where('run_id', '=', runId)
    .where('number', '=', attempt)
    .execute();
}
