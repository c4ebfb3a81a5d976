import type { Attempt } from '../../contract/records';
import { type AttemptUse, useOf } from '../cost/attempt-cost.store';
import { applyEvent } from '../runs/run-life.service';
import type { Services } from '../shared/context';
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
  const run = await services.database
    .selectFrom('run')
    .innerJoin('batch_job', 'batch_job.name', 'run.job_name')
    .select(['run.attempt', 'run.job_index', 'batch_job.job_id', 'batch_job.size'])
    .where('run.id', '=', runId)
    .executeTakeFirst();
  if (run === undefined || run.job_id === null) return [];
  const own = run.size === 1 ? run.job_id : `${run.job_id}:${run.job_index}`;
  let before = run.attempt;
  const ended: AttemptUse[] = [];
  for (const { attempt, job } of attempts) {
    if (attempt <= before || job !== own) continue;
    const end = await readAttemptEnd(services.objects, runId, before);
    if (end !== null) ended.push(useOf(before, end));
    const left = end?.outcome === 'interrupted' ? 'checkpoint' : 'nothing';
    await applyEvent(services, runId, { kind: 'continued', attempt, left });
    before = attempt;
  }
  return ended;
}
