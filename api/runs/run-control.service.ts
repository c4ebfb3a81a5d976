import type { Kysely, Transaction } from 'kysely';
import { cancelledKey } from '../../contract/keys';
import type { Problem } from '../../contract/run-spec';
import { isOver, overStates } from '../../contract/run-states';
import type { RunTable, Tables } from '../database/tables';
import { inTransaction } from '../database/transaction';
import type { Services } from '../shared/context';
import { resumeLaunching } from './experiment-halt';
import { applyEvent, applyEventIn, type ChangedRun } from './run-life.service';

/** What became of a wish about a run. `refused`: it has no sense for the run as it is, and the problem says why. */
export type RunControlOutcome =
  | { kind: 'done'; changed: boolean }
  | { kind: 'not-found' }
  | { kind: 'refused'; problems: Problem[] };

/** A run that was sent back to wait for another try. */
export type RetriedRun = Pick<ChangedRun, 'id' | 'experimentId'>;

export type RetryOutcome =
  | { kind: 'done'; changed: true; retried: RetriedRun }
  | { kind: 'done'; changed: false }
  | Exclude<RunControlOutcome, { kind: 'done' }>;

/**
 * Cancels a run: at once where it waits; where it is at work its process is told to stop, writes a checkpoint, and
 * the run is CANCELLED when it has gone.
 */
export async function cancelRun(services: Services, runId: string): Promise<RunControlOutcome> {
  const run = await findRun(services.database, runId);
  if (run === undefined) return { kind: 'not-found' };
  const changed = await requestCancel(services, runId);
  if (changed === null && (run.state === 'SUCCEEDED' || run.state === 'FAILED' || run.state === 'STOPPED'))
    return refused(`run ${runId} is over (${run.state}): there is nothing to cancel`);
  services.wake();
  return { kind: 'done', changed: changed !== null };
}

/**
 * Cancels what of an experiment is not over yet, and lets it launch nothing more.
 * @returns how many runs it changed
 */
export async function cancelExperiment(services: Services, experimentId: string): Promise<number> {
  await services.database
    .updateTable('experiment')
    .set({ state: 'cancelled', updated_at: new Date().toISOString() })
    .where('id', '=', experimentId)
    .where('state', '!=', 'cancelled')
    .execute();
  const unfinished = await services.database
    .selectFrom('run')
    .select('id')
    .where('experiment_id', '=', experimentId)
    .where('state', 'not in', overStates)
    .execute();
  let changedRuns = 0;
  for (const { id } of unfinished) if ((await requestCancel(services, id)) !== null) changedRuns += 1;
  services.wake();
  return changedRuns;
}

/** The wish is also kept with the run, so that a reindex does not carry out what somebody has cancelled. */
async function requestCancel(services: Services, runId: string): Promise<ChangedRun | null> {
  const changed = await applyEvent(services, runId, { kind: 'cancel-requested' });
  if (changed !== null)
    await services.objects.write(cancelledKey(runId), `${JSON.stringify({ at: new Date().toISOString() })}\n`);
  return changed;
}

/**
 * Has a failed or cancelled run tried again, from its newest checkpoint. An experiment that had stopped launching goes
 * on; runs that failed because this one was their teacher wait for it again.
 */
export async function retryRun(services: Services, runId: string): Promise<RunControlOutcome> {
  const outcome = await inTransaction(services.database, (transaction) => retryRunIn(transaction, runId));
  if (outcome.kind === 'done' && outcome.changed) announceRetried(services, [outcome.retried]);
  return outcome;
}

/** As `retryRun`, within a transaction of the caller, who calls `announceRetried` once it is committed. */
export async function retryRunIn(transaction: Transaction<Tables>, runId: string): Promise<RetryOutcome> {
  const run = await findRun(transaction, runId);
  if (run === undefined) return { kind: 'not-found' };
  if (!isOver(run.state)) return { kind: 'done', changed: false };
  if (run.state === 'SUCCEEDED') return refused(`run ${runId} has succeeded: clone its experiment to run it once more`);
  const teacher = run.depends_on === null ? undefined : await findRun(transaction, run.depends_on);
  if (teacher !== undefined && (teacher.state === 'FAILED' || teacher.state === 'CANCELLED'))
    return refused(
      `its teacher, run ${teacher.id}, is ${teacher.state}: retry that run first; this one then follows by itself`,
    );
  await resumeLaunching(transaction, run.experiment_id);
  const changed = await applyEventIn(transaction, runId, { kind: 'retried' });
  return changed === null
    ? { kind: 'done', changed: false }
    : { kind: 'done', changed: true, retried: { id: runId, experimentId: run.experiment_id } };
}

/** Tells subscribers and dispatcher of runs that were retried. */
export function announceRetried(services: Services, retried: readonly RetriedRun[]): void {
  for (const { experimentId, id } of retried) services.changes.runChanged(experimentId, id);
  services.wake();
}

function findRun(database: Kysely<Tables>, runId: string): Promise<RunTable | undefined> {
  return database.selectFrom('run').selectAll().where('id', '=', runId).executeTakeFirst();
}

const refused = (message: string): Extract<RunControlOutcome, { kind: 'refused' }> => ({
  kind: 'refused',
  problems: [{ path: 'runId', message }],
});
