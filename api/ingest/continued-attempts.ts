import type { Attempt } from '../../contract/records';
import type { Services } from '../context/context';
import { type AttemptUse, useOf } from '../cost/attempt-cost.store';
import { applyEvent } from '../runs/run-life.service';
import { findOwnJob } from './ingest.store';
import { readAttemptEnd } from './run-objects';

/**
 * AWS Batch tries a job again by itself where its machine was taken back, and the trainer then claims the next number:
 * has the run be in that attempt. Only of attempts of the job that the records know: what a job makes that was
 * submitted a second time by mistake is no attempt of the run's.
 * @returns what the attempts before have used, as far as they said so at their end
 */
export async function followJob(
  services: Services,
  runId: string,
  attempts: readonly Attempt[],
): Promise<AttemptUse[]> {
  if (!attempts.some(({ job }) => job !== undefined)) return [];
  const run = await findOwnJob(services.database, runId);
  if (run === null) return [];
  let before = run.attempt;
  const ended: AttemptUse[] = [];
  for (const { attempt, job } of attempts) {
    if (attempt <= before || job !== run.job) continue;
    const end = await readAttemptEnd(services.objects, runId, before);
    if (end !== null) ended.push(useOf(before, end));
    const left = end?.outcome === 'interrupted' ? 'checkpoint' : 'nothing';
    await applyEvent(services, runId, { kind: 'continued', attempt, left });
    before = attempt;
  }
  return ended;
}
