import type { Transaction } from 'kysely';
import type { Tables } from '../database/tables';
import type { RunEvent, RunLife } from './run-life';

/** Crashes in a row, over all runs of an experiment, after which it launches nothing more. */
export const infrastructureFailureLimit = 3;

/**
 * Counts crashes in a row for the experiment of a run, and stops its launching at the limit: if the machine, the
 * image or the installation is at fault, every further run would only meet it again. A success, or an attempt that
 * crashed but had got further than the one before, begins the count anew.
 */
export async function countInfrastructureFailures(
  transaction: Transaction<Tables>,
  experimentId: string,
  event: RunEvent,
  next: RunLife,
): Promise<void> {
  const ofThisExperiment = () => transaction.updateTable('experiment').where('id', '=', experimentId);
  if (event.kind === 'succeeded' || (event.kind === 'crashed' && event.advanced)) {
    await ofThisExperiment().set({ infrastructure_failures: 0 }).where('infrastructure_failures', '>', 0).execute();
    return;
  }
  if (event.kind !== 'crashed' || next.cancelRequested) return;
  await ofThisExperiment()
    .set((column) => ({ infrastructure_failures: column('infrastructure_failures', '+', 1) }))
    .execute();
  await ofThisExperiment()
    .set({
      state: 'stopped',
      stop_kind: 'failures',
      stop_reason: stopReason(event.failure.message),
      updated_at: new Date().toISOString(),
    })
    .where('state', '=', 'launched')
    .where('infrastructure_failures', '>=', infrastructureFailureLimit)
    .execute();
}

const stopReason = (lastMessage: string): string =>
  `${infrastructureFailureLimit} attempts in a row crashed, the last with: ${lastMessage.slice(0, 1000)} ` +
  'Remove the cause, then retry the failed runs: that launches the waiting ones as well.';

/** Lets a stopped or cancelled experiment launch again, because somebody retries a run of it. */
export async function resumeLaunching(transaction: Transaction<Tables>, experimentId: string): Promise<void> {
  await transaction
    .updateTable('experiment')
    .set({
      state: 'launched',
      stop_reason: null,
      stop_kind: null,
      infrastructure_failures: 0,
      updated_at: new Date().toISOString(),
    })
    .where('id', '=', experimentId)
    .where('state', 'in', ['stopped', 'cancelled'])
    .execute();
}
