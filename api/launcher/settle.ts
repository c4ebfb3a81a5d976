import { exitCodes } from '../../contract/keys';
import { DamagedObjectError } from '../../contract/objects/damaged-object';
import type { AttemptEnd } from '../../contract/records';
import { wellFormedTexts } from '../../contract/well-formed';
import type { Services } from '../context/context';
import { useOf } from '../cost/attempt-cost.store';
import { ingestResult, ingestRun, recordEnd } from '../ingest/ingest.service';
import { newestCheckpointStep, readAttemptEnd, readAttempts } from '../ingest/run-objects';
import { updateAttempt } from '../runs/attempt.store';
import type { Failure, RunEvent } from '../runs/run-life';
import { applyEvent, type RunFigures } from '../runs/run-life.service';
import type { Job, JobEnd } from './launcher';

export interface SettlementOptions {
  /** Crashes in a row, without getting further, after which a run has failed. */
  crashLimit: number;
  /** Why an attempt that was interrupted waits now, for a person. */
  interruptedReason: string;
}

/**
 * Brings the records in line with how an attempt ended: takes in what it wrote, then the event that its result, its
 * own last record and its exit make together.
 * @param seen null where nobody saw it end: it went down with an earlier server
 */
export async function settleAttempt(
  services: Services,
  job: Job,
  seen: JobEnd | null,
  options: SettlementOptions,
): Promise<void> {
  // Its last words may be anything that a process wrote.
  const end = wellFormedTexts(seen) as JobEnd | null;
  const { objects } = services;
  let event: RunEvent;
  let costs: RunFigures = {};
  try {
    if ((await ingestResult(services, job.runId)) !== null) return;
    await ingestRun(services, job.runId);
    const record = await readAttemptEnd(objects, job.runId, job.attempt);
    event = eventOfEnd(job.attempt, record, end, await hasAdvanced(services, job), options);
    if (record !== null) costs = await recordEnd(services, job.runId, useOf(job.attempt, record));
  } catch (error) {
    event = unreadable(job.attempt, error as Error, options.crashLimit);
  }
  await updateAttempt(services.database, job, { exit_code: end?.exitCode ?? null });
  await applyEvent(services, job.runId, event, costs);
}

/** What the end of an attempt without a result means for its run. */
export function eventOfEnd(
  attempt: number,
  record: AttemptEnd | null,
  end: JobEnd | null,
  advanced: boolean,
  { crashLimit, interruptedReason }: SettlementOptions,
): RunEvent {
  if (end !== null && end.killedFor !== null) return crash(attempt, end.killedFor, advanced, crashLimit);
  if (record?.outcome === 'failed') {
    const { kind, message, problems } = record;
    return kind === 'crash'
      ? crash(attempt, message, advanced, crashLimit)
      : { kind: 'failed', attempt, failure: { kind, message, problems } };
  }
  const leftCheckpoint =
    record?.outcome === 'interrupted' || (record === null && end?.exitCode === exitCodes.interrupted);
  // Before what the trainer says: one that ran out of its time leaves a checkpoint like any that was asked to stop.
  if (end?.verdict?.kind === 'failed') return { kind: 'failed', attempt, failure: end.verdict.failure };
  if (end?.verdict?.kind === 'crashed') return crash(attempt, end.verdict.message, advanced, crashLimit);
  if (end?.verdict?.kind === 'reclaimed')
    return {
      kind: 'interrupted',
      attempt,
      reason: end.verdict.reason,
      left: leftCheckpoint ? 'checkpoint' : 'nothing',
    };
  if (leftCheckpoint) return { kind: 'interrupted', attempt, reason: interruptedReason, left: 'checkpoint' };
  if (end === null) return { kind: 'interrupted', attempt, reason: lostReason, left: 'nothing' };
  // It had not begun, was too young to know the signal, or did not leave in time.
  if (end.asked && end.exitCode === null)
    return { kind: 'interrupted', attempt, reason: interruptedReason, left: 'nothing' };
  const kind = failureKindOf(end.exitCode);
  return kind === 'crash'
    ? crash(attempt, describeEnd(record, end), advanced, crashLimit)
    : { kind: 'failed', attempt, failure: { kind, message: describeEnd(record, end), problems: [] } };
}

/** Another attempt would meet the same damaged result; any other reason may pass. */
function unreadable(attempt: number, error: Error, crashLimit: number): RunEvent {
  if (!(error instanceof DamagedObjectError))
    return crash(attempt, `what attempt ${attempt} wrote cannot be taken in: ${error.message}`, false, crashLimit);
  const { key, message } = error;
  return { kind: 'failed', attempt, failure: { kind: 'input', message, problems: [{ path: key, message }] } };
}

const lostReason = 'was lost with an earlier server; goes on from its newest checkpoint';

function crash(attempt: number, message: string, advanced: boolean, crashLimit: number): RunEvent {
  return { kind: 'crashed', attempt, failure: { kind: 'crash', message, problems: [] }, advanced, crashLimit };
}

function failureKindOf(exitCode: number | null): Failure['kind'] {
  if (exitCode === exitCodes.input) return 'input';
  if (exitCode === exitCodes.numeric) return 'numeric';
  return exitCode === exitCodes.resources ? 'resources' : 'crash';
}

function describeEnd(record: AttemptEnd | null, { exitCode, signal, lastWords }: JobEnd): string {
  const words = lastWords === '' ? 'it wrote nothing' : `its last words: ${lastWords}`;
  if (record?.outcome === 'succeeded') return `the trainer says it succeeded, but left no result; ${words}`;
  if (signal === 'SIGKILL') return `the trainer was killed (SIGKILL), as happens when memory runs out; ${words}`;
  return `the trainer ended with ${signal ?? `exit code ${exitCode}`}; ${words}`;
}

/** Whether an attempt left a checkpoint behind the one it began from: such a run gets there, however often it dies. */
async function hasAdvanced({ objects }: Services, { runId, attempt }: Job): Promise<boolean> {
  const record = (await readAttempts(objects, runId)).find((candidate) => candidate.attempt === attempt);
  const newest = await newestCheckpointStep(objects, runId);
  return record !== undefined && newest !== null && newest > (record.resumedFromStep ?? -1);
}
