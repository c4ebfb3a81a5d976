import type { Services } from '../shared/context';
import { findWaitingRuns, storeWaitingReason, type WaitingRun } from './dispatch.store';

/**
 * Says of every run that waits why it does, and tells the subscribers where that changed.
 * @param whyNotLaunched says it of a run that is ready, for which there was no room
 */
export async function explainWaiting(services: Services, whyNotLaunched: (run: WaitingRun) => string): Promise<void> {
  const changed = new Map<string, WaitingRun[]>();
  for (const run of await findWaitingRuns(services.database)) {
    const reason = waitingReason(run) ?? whyNotLaunched(run);
    if (reason !== run.waiting_reason) changed.set(reason, [...(changed.get(reason) ?? []), run]);
  }
  for (const [reason, runs] of changed) {
    const ids = runs.map(({ id }) => id);
    await storeWaitingReason(services.database, ids, reason, 'PENDING');
    for (const run of runs) services.changes.runChanged(run.experiment_id, run.id);
  }
}

/** null where nothing but the place stands against it. */
function waitingReason(run: WaitingRun): string | null {
  if (run.experimentState === 'stopped') return 'waits because its experiment stopped launching';
  if (run.depends_on !== null && run.teacherState !== 'SUCCEEDED')
    return `waits for run ${run.depends_on}, the fine-tuning of its teacher`;
  return null;
}
