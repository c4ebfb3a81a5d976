import type { Problem } from '../../contract/run-spec';
import { isOver, type RunState } from '../../contract/run-states';
import type { Services } from '../context/context';
import type { DatabaseTransaction } from '../database/database';
import { inTransaction } from '../database/transaction';
import { inParallel } from '../shared/in-parallel';
import { inParts } from '../shared/in-parts';
import { markAsCancelled } from './cancelled-mark';
import { cancelLaunching, resumeLaunching } from './launching.store';
import { type FailedRun, findCancellableRuns, findFailedRuns, findRun } from './run.store';
import { transition } from './run-life';
import { applyEvent, applyEventIn, applyWish, type ChangedRun, lifeOf } from './run-life.service';

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
  const isCancellable = transition(lifeOf(run), { kind: 'cancel-requested' }) !== null;
  if (isCancellable) await markAsCancelled(services.objects, runId);
  const changed = await applyEvent(services, runId, { kind: 'cancel-requested' });
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
  await cancelLaunching(services.database, experimentId);
  const ids = await findCancellableRuns(services.database, experimentId);
  const [problem] = await inParallel(ids, (id) => markAsCancelled(services.objects, id), marksAtOnce);
  if (problem !== undefined) throw problem;
  let changedRuns = 0;
  for (const part of inParts(ids, runsPerTransaction)) {
    const changed = await inTransaction(services.database, (transaction) =>
      applyWish(transaction, part, { kind: 'cancel-requested' }),
    );
    for (const run of changed) services.changes.runChanged(run.experimentId, run.id);
    changedRuns += changed.length;
  }
  services.wake();
  return changedRuns;
}

/** A thousand runs are cancelled within the time of one request, which is 29 seconds at most on AWS. */
const marksAtOnce = 32;
/** Fewer meet fewer signs of life, each of which would have the whole transaction begin anew. */
const runsPerTransaction = 200;

/**
 * Has a failed or cancelled run tried again, from its newest checkpoint. An experiment that had stopped launching goes
 * on; runs that failed because they take its model wait for it again.
 */
export async function retryRun(services: Services, runId: string): Promise<RunControlOutcome> {
  const outcome = await inTransaction(services.database, (transaction) => retryRunIn(transaction, runId));
  if (outcome.kind === 'done' && outcome.changed) announceRetried(services, [outcome.retried]);
  return outcome;
}

/**
 * Has all failed runs of an experiment tried again, within a transaction of the caller. Those of which a dependency is
 * not tried again stay as they are.
 */
export async function retryFailedRunsIn(transaction: DatabaseTransaction, experimentId: string): Promise<RetriedRun[]> {
  const failed = await findFailedRuns(transaction, experimentId);
  // A dependency of the same experiment that failed is tried again with them.
  const mayLeaveModel = (state: RunState | null, experiment: string | null) =>
    state === 'FAILED' ? experiment === experimentId : state !== 'CANCELLED' && state !== 'STOPPED';
  const hasModels = ({ teacherState, teacherExperiment, studentState, studentExperiment }: FailedRun) =>
    mayLeaveModel(teacherState, teacherExperiment) && mayLeaveModel(studentState, studentExperiment);
  const retried = failed.filter(hasModels).map(({ id }) => id);
  if (retried.length === 0) return [];
  await resumeLaunching(transaction, experimentId);
  return applyWish(transaction, retried, { kind: 'retried' });
}

/** As `retryRun`, within a transaction of the caller, who calls `announceRetried` once it is committed. */
export async function retryRunIn(transaction: DatabaseTransaction, runId: string): Promise<RetryOutcome> {
  const run = await findRun(transaction, runId);
  if (run === undefined) return { kind: 'not-found' };
  if (!isOver(run.state)) return { kind: 'done', changed: false };
  if (run.state === 'SUCCEEDED') return refused(`run ${runId} has succeeded: clone its experiment to run it once more`);
  for (const [role, id] of [
    ['teacher', run.depends_on],
    ['student', run.student_depends_on],
  ] as const) {
    const dependency = id === null ? undefined : await findRun(transaction, id);
    if (dependency !== undefined && isOver(dependency.state) && dependency.state !== 'SUCCEEDED')
      return refused(
        `its ${role}, run ${dependency.id}, is ${dependency.state}: retry that run first; this one then follows by itself`,
      );
  }
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

const refused = (message: string): Extract<RunControlOutcome, { kind: 'refused' }> => ({
  kind: 'refused',
  problems: [{ path: 'runId', message }],
});
