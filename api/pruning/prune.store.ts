import type { Kysely } from 'kysely';
import type { Tables } from '../database/tables';

/** Aurora DSQL changes at most 3,000 rows in a transaction. */
export const rowsPerDelete = 1000;

/** Forgets answers that were given under request ids before a time. @returns how many */
export async function forgetAnswers(database: Kysely<Tables>, before: string): Promise<number> {
  const old = database.selectFrom('idempotency').select('key').where('created_at', '<', before).limit(rowsPerDelete);
  return deleted(await database.deleteFrom('idempotency').where('key', 'in', old).executeTakeFirst());
}

/**
 * Forgets the places of changes that were seen before a time. A run that is followed once more gets a new place: its
 * follower sees it as it is, as after any change.
 * @returns how many
 */
export async function forgetChanges(database: Kysely<Tables>, before: string): Promise<number> {
  const old = database.selectFrom('run_change').select('run_id').where('at', '<', before).limit(rowsPerDelete);
  return deleted(await database.deleteFrom('run_change').where('run_id', 'in', old).executeTakeFirst());
}

/**
 * Forgets Batch jobs that were sent before a time, and none of whose runs is under way. The newest job stays: by it, records
 * are known to be those of a stack.
 * @returns how many
 */
export async function forgetJobs(database: Kysely<Tables>, before: string): Promise<number> {
  const old = database
    .selectFrom('batch_job')
    .select('batch_job.name')
    .where('batch_job.sending_at', '<', before)
    .where('batch_job.sending_at', '<', ({ selectFrom }) =>
      selectFrom('batch_job as newest').select(({ fn }) => fn.max('newest.sending_at').as('at')),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('run')
            .select('run.id')
            .whereRef('run.job_name', '=', 'batch_job.name')
            .where('run.state', 'in', ['SUBMITTED', 'STARTING', 'RUNNING']),
        ),
      ),
    )
    .limit(rowsPerDelete);
  return deleted(await database.deleteFrom('batch_job').where('name', 'in', old).executeTakeFirst());
}

const deleted = ({ numDeletedRows }: { numDeletedRows: bigint }): number => Number(numDeletedRows);
