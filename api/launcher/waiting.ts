import type { Services } from '../context';
import { findWaitingRuns, storeWaitingReason, type WaitingRun } from './dispatch.store';

/** Says of every run that waits why it does, and tells the subscribers where that changed. */
export async function explainWaiting(
  services: Services,
  slots: { total: number; busy: number },
  occupied: ReadonlySet<string>,
): Promise<void> {
  const changed = new Map<string, WaitingRun[]>();
  for (const run of await findWaitingRuns(services.database)) {
    const reason = waitingReason(run, slots, occupied);
    if (reason !== run.waiting_reason) changed.set(reason, [...(changed.get(reason) ?? []), run]);
  }
  for (const [reason, runs] of changed) {
    const ids = runs.map(({ id }) => id);
    await storeWaitingReason(services.database, ids, reason);
    for (const run of runs) services.changes.runChanged(run.experiment_id, run.id);
  }
}

function waitingReason(
  run: WaitingRun,
  { total, busy }: { total: number; busy: number },
  occupied: ReadonlySet<string>,
): string {
  if (run.experimentState === 'stopped') return 'waits because its experiment stopped launching';
  if (run.depends_on !== null && run.teacherState !== 'SUCCEEDED')
    return `waits for run ${run.depends_on}, the fine-tuning of its teacher`;
  if (occupied.has(run.id)) return 'waits until the trainer of an earlier server has left';
  return `waits for a free slot (${busy} of ${total} busy)`;
}
