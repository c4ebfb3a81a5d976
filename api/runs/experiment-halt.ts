import type { DatabaseTransaction } from '../database/database';
import { addInfrastructureFailure, resetInfrastructureFailures } from './launching.store';
import type { RunEvent, RunLife } from './run-life';

/** Crashes in a row, over all runs of an experiment, after which it launches nothing more. */
export const infrastructureFailureLimit = 3;

/**
 * Counts crashes in a row for the experiment of a run, and stops its launching at the limit: if the machine, the
 * image or the installation is at fault, every further run would only meet it again. A success, or an attempt that
 * crashed but had got further than the one before, begins the count anew.
 */
export async function countInfrastructureFailures(
  transaction: DatabaseTransaction,
  experimentId: string,
  event: RunEvent,
  next: RunLife,
): Promise<void> {
  if (event.kind === 'succeeded' || (event.kind === 'crashed' && event.advanced))
    return resetInfrastructureFailures(transaction, experimentId);
  if (event.kind !== 'crashed' || next.cancelRequested) return;
  await addInfrastructureFailure(transaction, experimentId, {
    limit: infrastructureFailureLimit,
    reason: stopReason(event.failure.message),
  });
}

const stopReason = (lastMessage: string): string =>
  `${infrastructureFailureLimit} attempts in a row crashed, the last with: ${lastMessage.slice(0, 1000)} ` +
  'Remove the cause, then retry the failed runs: that launches the waiting ones as well.';
