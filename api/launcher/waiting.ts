import type { Services } from '../context/context';
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
  const { depends_on: teacher, student_depends_on: student } = run;
  const waitsForTeacher = teacher !== null && run.teacherState !== 'SUCCEEDED';
  const waitsForStudent = student !== null && run.studentState !== 'SUCCEEDED';
  if (!waitsForTeacher && !waitsForStudent) return null;
  if (waitsForTeacher && waitsForStudent && teacher !== student)
    return `waits for run ${teacher}, whose model is its teacher, and run ${student}, whose model is its student`;
  return waitsForTeacher
    ? `waits for run ${teacher}, whose model is its teacher`
    : `waits for run ${student}, whose model is its student`;
}
