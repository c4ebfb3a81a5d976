import { DescribeJobsCommand } from '@aws-sdk/client-batch';
import { z } from 'zod';
import type { Services } from '../context/context';
import { ingestRun } from '../ingest/ingest.service';
import { applyEvent } from '../runs/run-life.service';
import { type Batch, requestMilliseconds, secondJob, terminate } from './batch-connection';
import { countActiveRuns, findJob, recordJobId, recordLog } from './batch-job.store';
import { isArrayParent, isJobOver, type JobState, jobStateSchema, sightingOf, stopText } from './batch-sighting';
import { findComputes, recoverJobs, sendingMilliseconds, submitReady } from './batch-submit';
import { type ActiveRun, findActiveRuns, findReadyRunsInTurn, storeWaitingReason } from './dispatch.store';
import type { JobEnd } from './launcher';
import { carryOut, decide, type JobPlace, reconcile, type Sighting, type StopReason } from './reconcile';
import { settleAttempt } from './settle';

/** Batch describes at most so many jobs in one answer. */
const jobsPerRequest = 100;
/** Runs taken up in one look: a function has minutes, and the next look goes on. */
const launchesPerLook = 200;
/** A trainer that gave a sign of life lately is followed by its objects; older than this, they are looked at. */
const followMilliseconds = 60_000;

/**
 * One look at everything: brings records, Batch's jobs and results in line, and submits what is ready. May be called
 * at any time, by a wish, a schedule, twice or at two places at once.
 * @throws Error with all that went wrong for single runs and jobs, after the others were seen to
 */
export async function reconcileBatch(services: Services, batch: Batch): Promise<Look> {
  const problems = await recoverJobs(services, batch);
  const { stallMilliseconds } = batch.settings;
  const options = { stallMilliseconds, recorded: batch.recorded };
  const seen: Look = { stuckRuns: 0 };
  problems.push(...(await reconcile(services, batchPlace(services, batch, seen), options)));
  if (problems.length > 0) throw new AggregateError(problems, problems.map(({ message }) => message).join('; '));
  return seen;
}

/** What one look found. */
export interface Look {
  /** Runs that wait for a machine, longer than it takes to start one, without a reason of Batch's. */
  stuckRuns: number;
}

/** An event of EventBridge about a job; what else is in it is not looked at. */
const jobEventSchema = z.looseObject({ detail: jobStateSchema });

/**
 * Takes in a "Batch Job State Change". Events of jobs that are not of this service, or of a claim that is over, change
 * nothing, however often and in whatever order they come. A second job of the same name is stopped: it can only come
 * of a submission whose answer was lost.
 */
export async function handleJobEvent(services: Services, batch: Batch, event: unknown): Promise<void> {
  const job = jobEventSchema.parse(event).detail;
  const known = await findJob(services.database, job.jobName);
  if (known === undefined) return;
  const [parentId = '', child] = job.jobId.split(':');
  const recorded = await recordJobId(services.database, job.jobName, parentId);
  if (recorded !== parentId) {
    if (!isJobOver(job)) await terminate(batch, parentId, secondJob);
    return;
  }
  if (isArrayParent(job)) return;
  const jobIndex = child === undefined ? 0 : Number(child);
  const [run] = await findActiveRuns(services.database, { jobName: job.jobName, jobIndex });
  if (run === undefined) return;
  // Only an end is final: what else an event says may be over by now.
  const sighting = isJobOver(job) ? sightingOf(job) : (await lookAtJobs(batch, [run])).get(run.id)!;
  const decision = decide(run, sighting, Date.now(), batch.settings.stallMilliseconds);
  await carryOut(batchPlace(services, batch), run, sighting, decision);
  if (sighting.kind === 'ended') services.wake();
}

function batchPlace(services: Services, batch: Batch, seen: Look = { stuckRuns: 0 }): JobPlace {
  const { database } = services;
  const { settings } = batch;
  let whyNotLaunched: JobPlace['whyNotLaunched'] = () => 'waits to be taken up';
  return {
    async look(runs) {
      const sightings = await lookAtJobs(batch, runs);
      seen.stuckRuns = [...sightings.values()].filter((each) => each.kind === 'waiting' && each.isStuck).length;
      return sightings;
    },
    follow: (run, sighting) => followRun(services, run, sighting),
    settle: (run, end) => settleRun(services, batch, run, end),
    stop: (run, reason) => stopRun(batch, run, reason),
    async launchReady() {
      const computes = await findComputes(services, batch);
      const homeless = [...computes].filter(([, { queue }]) => queue === null).map(([id]) => id);
      let room = settings.mostActiveRuns - (await countActiveRuns(database));
      whyNotLaunched = ({ experiment_id }) => {
        if (homeless.includes(experiment_id))
          return `waits: no queue has the machines its experiment asks for; there are ${[...settings.queues.keys()].join(', ')}`;
        return room > 0
          ? 'waits to be taken up'
          : `waits until fewer than ${settings.mostActiveRuns} runs are under way`;
      };
      if (room <= 0) return [];
      const ready = await findReadyRunsInTurn(database, Math.min(room, launchesPerLook), { experiments: homeless });
      room -= ready.length;
      if (ready.length === launchesPerLook) services.wake();
      return submitReady(services, batch, ready, computes);
    },
    whyNotLaunched: (run) => whyNotLaunched(run),
  };
}

/** The id under which Batch knows the job of a run. */
const jobIdOf = ({ jobId, jobSize, job_index }: ActiveRun): string =>
  jobSize === 1 ? `${jobId}` : `${jobId}:${job_index}`;

async function lookAtJobs({ client, settings }: Batch, runs: readonly ActiveRun[]): Promise<Map<string, Sighting>> {
  const inBatch = runs.filter(({ jobId }) => jobId !== null);
  const wanted = new Set(inBatch.flatMap((run) => [jobIdOf(run), run.jobId!]));
  const jobs = new Map<string, JobState>();
  const ids = [...wanted];
  for (let start = 0; start < ids.length; start += jobsPerRequest) {
    const command = new DescribeJobsCommand({ jobs: ids.slice(start, start + jobsPerRequest) });
    const answer = await client.send(command, { abortSignal: AbortSignal.timeout(requestMilliseconds) });
    for (const job of answer.jobs ?? []) jobs.set(job.jobId ?? '', jobStateSchema.parse(job));
  }
  const queuesAtWork = new Set(
    [...jobs.values()].flatMap(({ status, jobQueue }) =>
      jobQueue !== undefined && (status === 'STARTING' || status === 'RUNNING') ? jobQueue : [],
    ),
  );
  return new Map(runs.map((run) => [run.id, sightingIn(run, jobs, queuesAtWork, settings.stallMilliseconds)]));
}

function sightingIn(
  run: ActiveRun,
  jobs: ReadonlyMap<string, JobState>,
  queuesAtWork: ReadonlySet<string>,
  stallMilliseconds: number,
): Sighting {
  // Claimed by a server that had these records before: left alone for as long as its trainer gives signs of life.
  if (run.jobSentAt === null)
    return Date.now() - Date.parse(run.heartbeat_at ?? '') < stallMilliseconds
      ? { kind: 'unknown' }
      : { kind: 'ended', end: null };
  // Claimed, and perhaps sent: `recoverJobs` finds out.
  if (run.jobId === null) return { kind: 'unknown' };
  const own = jobs.get(jobIdOf(run));
  if (own !== undefined) return sightingOf(own, queuesAtWork.has(own.jobQueue ?? ''));
  // The children of an array job come into being some time after it.
  const parent = jobs.get(run.jobId);
  if (parent !== undefined) return sightingOf(isJobOver(parent) ? parent : { ...parent, status: 'PENDING' });
  // Batch forgets jobs some days after their end; one that was just sent may not be described yet.
  const isYoung = Date.now() - Date.parse(run.jobSentAt) < sendingMilliseconds;
  return isYoung ? { kind: 'unknown' } : { kind: 'ended', end: null };
}

async function followRun(services: Services, run: ActiveRun, sighting: Sighting): Promise<void> {
  if (sighting.kind === 'waiting') {
    if (sighting.reason === run.waiting_reason) return;
    await storeWaitingReason(services.database, [run.id], sighting.reason, run.state);
    services.changes.runChanged(run.experiment_id, run.id);
  }
  if (sighting.kind !== 'at-work') return;
  await applyEvent(services, run.id, { kind: 'started', attempt: run.attempt }, { waiting_reason: null });
  if (sighting.log !== null) await recordLog(services.database, run.id, run.attempt, sighting.log);
  if (Date.now() - (Date.parse(run.heartbeat_at ?? '') || 0) > followMilliseconds) await ingestRun(services, run.id);
}

/** Batch may have begun further attempts within the job; the newest one of the objects is the one that ended. */
async function settleRun(services: Services, batch: Batch, run: ActiveRun, end: JobEnd | null): Promise<void> {
  await ingestRun(services, run.id);
  const [current] = await findActiveRuns(services.database, { id: run.id });
  if (current === undefined || current.job_name !== run.job_name) return;
  await settleAttempt(services, { runId: run.id, attempt: current.attempt }, end, {
    crashLimit: batch.settings.crashLimit,
    interruptedReason:
      current.experimentState === 'stopped'
        ? 'waits because its experiment stopped launching'
        : 'was interrupted; waits to go on from its newest checkpoint',
  });
}

async function stopRun(batch: Batch, run: ActiveRun, reason: StopReason): Promise<void> {
  if (run.jobId !== null) await terminate(batch, jobIdOf(run), stopText(reason));
}
