import { z } from 'zod';
import { exitCodes } from '../../contract/keys';
import type { JobEnd, Verdict } from './launcher';
import type { Sighting, StopReason } from './reconcile';

const containerSchema = z.looseObject({
  exitCode: z.number().optional(),
  reason: z.string().optional(),
  logStreamName: z.string().optional(),
});

/**
 * What is read of a job, in the answers of DescribeJobs and in Batch's events, which hold the same object. Loose, since
 * AWS adds to both.
 */
export const jobStateSchema = z.looseObject({
  jobId: z.string(),
  jobName: z.string(),
  jobQueue: z.string().optional(),
  createdAt: z.number().optional(),
  status: z.enum(['SUBMITTED', 'PENDING', 'RUNNABLE', 'STARTING', 'RUNNING', 'SUCCEEDED', 'FAILED']),
  statusReason: z.string().optional(),
  startedAt: z.number().optional(),
  stoppedAt: z.number().optional(),
  container: containerSchema.optional(),
  attempts: z
    .array(
      z.looseObject({
        container: containerSchema.optional(),
        statusReason: z.string().optional(),
        stoppedAt: z.number().optional(),
      }),
    )
    .optional(),
  arrayProperties: z.looseObject({ index: z.number().optional(), size: z.number().optional() }).optional(),
  timeout: z.looseObject({ attemptDurationSeconds: z.number().optional() }).optional(),
});
export type JobState = z.output<typeof jobStateSchema>;

/** Events come for the parent of an array job too, which carries out nothing itself. */
export const isArrayParent = ({ arrayProperties }: JobState): boolean =>
  arrayProperties?.size !== undefined && arrayProperties.index === undefined;

export const isJobOver = ({ status }: JobState): boolean => status === 'SUCCEEDED' || status === 'FAILED';

/** @param queueIsAtWork whether another job of its queue has a machine */
export function sightingOf(job: JobState, queueIsAtWork = false): Sighting {
  switch (job.status) {
    case 'SUBMITTED':
    case 'PENDING':
    case 'RUNNABLE': {
      const isStuck = waitsWithoutReason(job, queueIsAtWork, Date.now());
      return { kind: 'waiting', reason: whyItWaits(job, isStuck), isStuck };
    }
    case 'STARTING':
    case 'RUNNING': {
      // Until the container runs, its job is as young as anything that could be known of it.
      const since = job.status === 'RUNNING' && job.startedAt !== undefined ? new Date(job.startedAt) : new Date();
      return { kind: 'at-work', since, log: job.container?.logStreamName ?? null };
    }
    case 'SUCCEEDED':
    case 'FAILED':
      return { kind: 'ended', end: endOf(job) };
  }
}

/** Why a job has no machine, for a person. Batch's own words are kept behind ours: they can be looked up. */
function whyItWaits({ status, statusReason, attempts = [] }: JobState, isStuck: boolean): string {
  const again = attempts.length > 0 ? ` for try ${attempts.length + 1}` : '';
  if (status !== 'RUNNABLE') return `waits until AWS Batch has taken it in (${status})`;
  if (statusReason === undefined || statusReason === '')
    return isStuck
      ? `waits for a machine${again}: AWS Batch has started none for ${stuckMinutes} minutes and gives no reason; ${quotaAdvice} (RUNNABLE)`
      : `waits for a machine${again}: AWS Batch starts one, or another job goes first (RUNNABLE)`;
  const words = blockedReasons.find(([prefix]) => statusReason.startsWith(prefix))?.[1];
  return `waits for a machine${again}: ${words ?? 'AWS Batch says why'} (${statusReason})`;
}

/** Minutes in which Batch starts a machine, if it may. */
const stuckMinutes = 15;

/** Batch has no words for a quota that is used up, or 0 as on a new account. */
const quotaAdvice =
  'the quota of vCPUs of this family may be 0 or used up: see "G and VT" and "P" instances, on demand and spot, in Service Quotas of EC2';

/** Whether Batch neither starts a machine nor says why, although no other job of the queue has one to wait for. */
function waitsWithoutReason(
  { status, statusReason = '', createdAt, attempts = [] }: JobState,
  queueIsAtWork: boolean,
  now: number,
): boolean {
  if (status !== 'RUNNABLE') return false;
  if (statusReason.startsWith('UNDETERMINED')) return true;
  const since = Math.max(createdAt ?? now, attempts.at(-1)?.stoppedAt ?? 0);
  return statusReason === '' && !queueIsAtWork && now - since > stuckMinutes * 60_000;
}

/** Why Batch blocks a queue, by the beginning of its status reason (AWS Batch user guide, "Jobs stuck in RUNNABLE"). */
const blockedReasons: readonly [string, string][] = [
  ['CAPACITY:', 'AWS has no machine of this kind free; another kind, or on-demand, may be had at once'],
  ['MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE', 'the job needs more than the compute environment may have'],
  ['MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT', 'no machine of the compute environment is large enough for the job'],
  ['MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS', 'the service role of the compute environment lacks a permission'],
  ['MISCONFIGURATION:', 'the compute environment is set up wrongly'],
  ['ACTION_REQUIRED', 'the account or the compute environment needs attention'],
  ['UNDETERMINED', `AWS Batch does not know why; ${quotaAdvice}`],
];

const stopPrefix = 'stillhouse: ';

/** The reason given to TerminateJob, which comes back as the status reason of the job. */
export function stopText(reason: StopReason): string {
  return `${stopPrefix}${reason.kind}${reason.kind === 'stalled' ? `: ${reason.message}` : ''}`;
}

function endOf(job: JobState): JobEnd {
  const newest = job.attempts?.at(-1);
  const container = newest?.container ?? job.container;
  const code = container?.exitCode ?? null;
  const signal = code === null ? null : (signalOf[code] ?? null);
  const statusReason = job.statusReason ?? newest?.statusReason ?? '';
  const asked = statusReason.startsWith(stopPrefix);
  const stalled = `${stopPrefix}stalled: `;
  const verdict = asked ? null : verdictOf(job, statusReason, container?.reason ?? '', code);
  return {
    exitCode: signal === null ? code : null,
    signal,
    lastWords: lastWords(statusReason, container?.reason, container?.logStreamName),
    asked,
    killedFor: statusReason.startsWith(stalled) ? statusReason.slice(stalled.length) : null,
    ...(verdict === null ? {} : { verdict }),
  };
}

/** Exit codes that containers end with when a signal ends them. */
const signalOf: Readonly<Record<number, string>> = { 137: 'SIGKILL', 143: 'SIGTERM' };

function lastWords(statusReason: string, reason: string | undefined, log: string | undefined): string {
  const words = [statusReason, reason].filter((text) => text !== undefined && text !== '').join('; ');
  return `${words === '' ? 'AWS Batch gives no reason' : words}${log === undefined ? '' : `; log stream ${log}`}`;
}

/** What Batch knows that a trainer cannot tell; null where the trainer's own end says it all. */
function verdictOf(job: JobState, statusReason: string, reason: string, code: number | null): Verdict | null {
  const failed = (message: string): Verdict => ({
    kind: 'failed',
    failure: { kind: 'resources', message, problems: [] },
  });
  if (statusReason.startsWith('Host EC2'))
    return { kind: 'reclaimed', reason: 'its machine was taken back; waits to go on from its newest checkpoint' };
  if (/duration exceeded timeout/i.test(statusReason)) {
    const seconds = job.timeout?.attemptDurationSeconds;
    const limit = seconds === undefined ? 'its timeout' : `its timeout of ${seconds} seconds`;
    return failed(
      `the attempt took longer than ${limit} (compute.timeoutSeconds). Its checkpoint is kept: a retry goes on from it.`,
    );
  }
  if (/OutOfMemory/i.test(`${statusReason} ${reason}`))
    return failed('memory ran out in its container: take a smaller batchSize, smaller models or a larger machine');
  const limit = /^Cancell?ed by JobStateTimeLimit action due to reason: (.*)$/.exec(statusReason)?.[1];
  if (limit !== undefined)
    return { kind: 'crashed', message: `no machine was to be had in time: ${whyBlocked(limit)} (${limit})` };
  if (code === null && job.status === 'FAILED')
    return { kind: 'crashed', message: `its container did not start: ${lastWords(statusReason, reason, undefined)}` };
  return null;
}

const whyBlocked = (reason: string): string =>
  blockedReasons.find(([prefix]) => reason.startsWith(prefix))?.[1] ?? 'AWS Batch says why';

/**
 * Which ends Batch itself tries again: a machine that was taken back, and a trainer that wrote a checkpoint because it
 * was asked to stop. Everything else goes back to the records, which know what is worth another attempt.
 */
export const retryStrategy = {
  attempts: 10,
  evaluateOnExit: [
    { onStatusReason: 'Host EC2*', action: 'RETRY' },
    { onExitCode: String(exitCodes.interrupted), action: 'RETRY' },
    { onReason: '*', action: 'EXIT' },
    // A trainer that ends by itself leaves no reason, and what matches nothing is tried again.
    { onStatusReason: '*', action: 'EXIT' },
  ],
} as const;
