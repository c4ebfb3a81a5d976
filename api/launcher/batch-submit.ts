import { createHash } from 'node:crypto';
import { type BatchClient, ListJobsCommand, SubmitJobCommand, type SubmitJobCommandInput } from '@aws-sdk/client-batch';
import { jobTag } from '../../contract/aws';
import { queueKey } from '../../contract/compute';
import { cancelledKey, jobManifestKey, trainerEnvironment } from '../../contract/keys';
import type { JobManifest } from '../../contract/records';
import type { Services } from '../context/context';
import { inTransaction } from '../database/transaction';
import { computeOf } from '../definition/definition';
import type { Failure } from '../runs/run-life';
import { applyEvent, applyEventIn } from '../runs/run-life.service';
import { inParallel } from '../shared/in-parallel';
import { type Batch, requestMilliseconds, secondJob, terminate } from './batch-connection';
import {
  type BatchJob,
  findDefinitions,
  findJobRuns,
  findRevision,
  findUnsentJobs,
  insertJob,
  type JobRun,
  recordJobId,
  takeSending,
} from './batch-job.store';
import { retryStrategy } from './batch-sighting';
import { findLaunchingExperiments, type ReadyRun } from './dispatch.store';
import { prepare } from './dispatcher';
import type { Job } from './launcher';

/**
 * How long a claim may lie unsent before somebody else looks whether Batch has its job: longer than a request can take,
 * and than Batch takes to list what it accepted.
 */
export const sendingMilliseconds = 120_000;
/** A process that was held up sends nothing later than this after its claim: by then another may be at it. */
const latestSendMilliseconds = sendingMilliseconds / 2;
/** Batch takes arrays of 10,000; a claim is one transaction, and Aurora DSQL changes at most 3,000 rows in one. */
const largestArray = 500;
const jobsPerLook = 100;
/** Before any claim: nobody is sending, and the next look may. */
const never = new Date(0).toISOString();

/**
 * Claims ready runs and submits their jobs: one array job for the seeds of a variant that are ready together, a plain
 * job for a run alone. The claim names the job before Batch hears of it; what dies in between is found by
 * `recoverJobs`.
 * @param computes of the experiments of the runs
 * @returns what went wrong for single jobs
 */
export async function submitReady(
  services: Services,
  batch: Batch,
  ready: readonly ReadyRun[],
  computes: ReadonlyMap<string, ExperimentCompute>,
): Promise<Error[]> {
  const prepared: { run: ReadyRun; job: Job }[] = [];
  const problems = await inParallel(ready, async (run) => {
    const job = await prepare(services, run);
    if (job !== null) prepared.push({ run, job });
  });
  const places = new Map(ready.map(({ id }, place) => [id, place]));
  prepared.sort((a, b) => places.get(a.run.id)! - places.get(b.run.id)!);
  for (const group of groupsOf(prepared)) {
    const compute = computes.get(group[0]!.run.experiment_id);
    // Launched a moment ago: the next look takes it.
    if (compute === undefined) continue;
    try {
      const job = await claim(
        services,
        group.map((entry) => entry.job),
        compute,
      );
      if (job !== null) await send(services, batch, job);
    } catch (error) {
      problems.push(error as Error);
    }
  }
  return problems;
}

/** Where the jobs of an experiment go. `queue`: null where the stack has none of that kind. */
export interface ExperimentCompute {
  queue: string | null;
  timeoutSeconds: number;
}

/** Of every experiment that has runs to launch. */
export async function findComputes(
  { database }: Services,
  { settings }: Batch,
): Promise<Map<string, ExperimentCompute>> {
  const definitions = await findDefinitions(database, await findLaunchingExperiments(database));
  return new Map(
    [...definitions].map(([id, definition]) => {
      const { gpu, capacity, timeoutSeconds } = computeOf(definition);
      return [id, { queue: settings.queues.get(queueKey(gpu, capacity)) ?? null, timeoutSeconds }];
    }),
  );
}

/** Runs of one variant group of one experiment, in their order, cut to arrays that can be claimed. */
function groupsOf<T extends { run: ReadyRun }>(prepared: readonly T[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const entry of prepared) {
    const key = `${entry.run.experiment_id} ${entry.run.group_id}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / largestArray) }, (_, place) =>
      group.slice(place * largestArray, (place + 1) * largestArray),
    ),
  );
}

/** Claims runs and names their job in one transaction; null where none was to be had any more. */
async function claim(
  services: Services,
  jobs: readonly Job[],
  { queue, timeoutSeconds }: ExperimentCompute,
): Promise<BatchJob | null> {
  if (queue === null) return null;
  const claimed = await inTransaction(services.database, async (transaction) => {
    const [first] = jobs;
    const revision = first && (await findRevision(transaction, first.runId));
    if (first === undefined || revision === undefined) return null;
    // A revision counts the changes of a run, so no other claim ever has this name.
    const name = `${first.runId}-r${revision + 1}`;
    const changed = [];
    for (const { runId, attempt } of jobs) {
      const place = { job_name: name, job_index: changed.length };
      const change = await applyEventIn(transaction, runId, { kind: 'claimed', attempt }, place);
      if (change !== null) changed.push(change);
    }
    if (changed.length === 0) return null;
    const job: BatchJob = {
      name,
      queue,
      size: changed.length,
      timeout_seconds: timeoutSeconds,
      job_id: null,
      sending_at: new Date().toISOString(),
    };
    await insertJob(transaction, job);
    return { job, changed };
  });
  if (claimed === null) return null;
  for (const { experimentId, id } of claimed.changed) services.changes.runChanged(experimentId, id);
  return claimed.job;
}

/**
 * Finds out what became of jobs that were claimed and are not known to have been sent: records the id of one that
 * Batch has, sends one that it has not.
 * @returns what went wrong for single jobs
 */
export async function recoverJobs(services: Services, batch: Batch): Promise<Error[]> {
  const sentBefore = new Date(Date.now() - sendingMilliseconds).toISOString();
  const unsent = await findUnsentJobs(services.database, sentBefore, jobsPerLook);
  return inParallel(unsent, async (job) => {
    const sendingAt = new Date().toISOString();
    if (!(await takeSending(services.database, job, sendingAt))) return;
    const [first, ...others] = await findByName(batch.client, job);
    if (first === undefined) return send(services, batch, { ...job, sending_at: sendingAt });
    await recordJobId(services.database, job.name, first);
    for (const other of others) await terminate(batch, other, secondJob);
  });
}

/** The ids of the jobs of this name in its queue, the oldest first, whatever became of them. */
async function findByName(client: BatchClient, { queue, name }: BatchJob): Promise<string[]> {
  const found: { jobId: string; createdAt: number }[] = [];
  let nextToken: string | undefined;
  do {
    const filters = [{ name: 'JOB_NAME', values: [name] }];
    const page = await client.send(new ListJobsCommand({ jobQueue: queue, filters, nextToken }), {
      abortSignal: AbortSignal.timeout(requestMilliseconds),
    });
    // The filter does not tell upper case from lower.
    for (const { jobId, jobName, createdAt = 0 } of page.jobSummaryList ?? [])
      if (jobName === name && jobId !== undefined) found.push({ jobId, createdAt });
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return found.sort((a, b) => a.createdAt - b.createdAt).map(({ jobId }) => jobId);
}

/** Submits a claimed job. Whatever is not known to have failed stays claimed: the next look finds out. */
async function send(services: Services, batch: Batch, job: BatchJob): Promise<void> {
  const runs = await findJobRuns(services.database, job.name);
  // What somebody had cancelled before is wanted again.
  const wanted = runs.filter((run) => run.cancel_requested === 0);
  await Promise.all(wanted.map(({ id }) => services.objects.delete(cancelledKey(id))));
  if (job.size > 1) {
    const manifest: JobManifest = { version: 1, runIds: runs.map(({ id }) => id) };
    await services.objects.write(jobManifestKey(job.name), `${JSON.stringify(manifest)}\n`, { if: 'absent' });
  }
  if (Date.now() - Date.parse(job.sending_at) > latestSendMilliseconds) return;
  let jobId: string | undefined;
  try {
    const command = new SubmitJobCommand(submission(batch, job, runs));
    ({ jobId } = await batch.submitClient.send(command, { abortSignal: AbortSignal.timeout(requestMilliseconds) }));
  } catch (error) {
    const outcome = outcomeOf(error);
    if (outcome === 'not-taken') await takeSending(services.database, job, never);
    if (outcome === 'refused') return release(services, runs, error as Error);
    throw error;
  }
  if (jobId !== undefined) await recordJobId(services.database, job.name, jobId);
}

/**
 * `not-taken`: too many requests, and this one was not carried out. `refused`: nor would it be another time.
 * `unknown`: an answer that never came, or an error of the service, leaves open whether the job exists.
 */
function outcomeOf(error: unknown): 'not-taken' | 'refused' | 'unknown' {
  const { name = '', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode ?? 0;
  if (status === 429 || /Throttl|TooManyRequests|RequestLimitExceeded/.test(name)) return 'not-taken';
  return status >= 400 && status < 500 ? 'refused' : 'unknown';
}

/** Gives the runs of a refused job back: the refusal counts once as a failure of the machinery, for the first. */
async function release(services: Services, runs: readonly JobRun[], error: Error): Promise<void> {
  const message = `AWS Batch refused its job: ${error.name}: ${error.message}`;
  for (const [place, { id, attempt }] of runs.entries())
    if (place === 0) {
      const failure: Failure = { kind: 'crash', message, problems: [] };
      await applyEvent(services, id, { kind: 'crashed', attempt, failure, advanced: false, crashLimit: refusalLimit });
    } else await applyEvent(services, id, { kind: 'interrupted', attempt, reason: message, left: 'nothing' });
}

/** The limit for the whole experiment comes first: a refused job says nothing against its run. */
const refusalLimit = 1000;

function submission({ settings }: Batch, job: BatchJob, runs: readonly JobRun[]): SubmitJobCommandInput {
  const { experiment_id, variant, method, id } = runs[0]!;
  const isArray = job.size > 1;
  const place = isArray
    ? { name: trainerEnvironment.manifest, value: jobManifestKey(job.name) }
    : { name: trainerEnvironment.runId, value: id };
  const tags = [
    ['experiment', experiment_id],
    ['variant', variant],
    ['method', method],
    ...(isArray ? [] : ([['run', id]] as const)),
  ] as const;
  return {
    jobName: job.name,
    jobQueue: job.queue,
    shareIdentifier: shareOf(experiment_id),
    jobDefinition: settings.jobDefinition,
    ...(isArray ? { arrayProperties: { size: job.size } } : {}),
    containerOverrides: { environment: [place] },
    retryStrategy: { ...retryStrategy, evaluateOnExit: [...retryStrategy.evaluateOnExit] },
    timeout: { attemptDurationSeconds: job.timeout_seconds },
    tags: Object.fromEntries(tags.map(([name, value]) => [jobTag(name), tagValue(value)])),
    propagateTags: true,
  };
}

/**
 * The share of a queue's machines to which the jobs of an experiment count: Batch divides a queue evenly among the shares
 * that have jobs in it. It takes 500 shares at most, so there are 256 here, and two experiments may have the same one.
 */
export const shareOf = (experimentId: string): string =>
  `share${createHash('sha256').update(experimentId).digest('hex').slice(0, 2)}`;

/** What AWS takes in the value of a tag. */
const tagValue = (text: string): string => text.replace(/[^\p{L}\p{N} _.:/=+@-]/gu, '_').slice(0, 256);
