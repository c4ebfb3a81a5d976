import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JobDetail, JobStatus, SubmitJobRequest } from '@aws-sdk/client-batch';

/** An operation of Batch, by its path. */
export type Operation = 'submitjob' | 'describejobs' | 'listjobs' | 'terminatejob' | 'canceljob';

/**
 * What a request meets. `throttled` and `error-before` take no effect; `error-after` and `lost` do, and the caller
 * learns of an error of the service, or of nothing but a broken connection. `late` takes effect when the test says so.
 */
export type Fault = 'throttled' | 'error-before' | 'error-after' | 'lost-before' | 'lost' | 'late';

export interface FakeJob extends Omit<JobDetail, 'status' | 'attempts'> {
  jobId: string;
  jobName: string;
  jobQueue: string;
  status: JobStatus;
  attempts: NonNullable<JobDetail['attempts']>;
  request: SubmitJobRequest;
  /** Why it was terminated: it is not tried again then. */
  terminated: string | null;
}

/** A "Batch Job State Change" of EventBridge. */
export interface JobEvent {
  source: 'aws.batch';
  'detail-type': 'Batch Job State Change';
  time: string;
  detail: Record<string, unknown>;
}

const account = 'arn:aws:batch:eu-west-1:123456789012';

/**
 * AWS Batch for tests: its REST interface, as the SDK speaks it, over jobs that the test moves from state to state. It
 * refuses what Batch refuses (names, sizes, patterns: API reference of SubmitJob), tries jobs again by their
 * `evaluateOnExit`, and hands out the events that Batch would send, for the test to deliver, lose or repeat.
 */
export class FakeBatch {
  readonly jobs = new Map<string, FakeJob>();
  readonly events: JobEvent[] = [];
  readonly requests: { operation: Operation; body: Record<string, unknown> }[] = [];
  /** Asked at every request. */
  fault: (operation: Operation) => Fault | null = () => null;
  endpoint = '';
  /** Younger jobs are not described yet. */
  describesAfterMilliseconds = 0;
  private readonly late: (() => void)[] = [];
  private count = 0;
  private readonly server = createServer((request, response) => void this.answer(request, response));

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.endpoint = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** What was late arrives. */
  arrive(): void {
    for (const request of this.late.splice(0)) request();
  }

  /** Jobs that carry something out: plain ones and the children of arrays. */
  working(): FakeJob[] {
    return [...this.jobs.values()].filter(({ arrayProperties }) => arrayProperties?.size === undefined);
  }

  named(name: string): FakeJob[] {
    return this.working().filter(({ jobName }) => jobName === name);
  }

  /** Moves a job on; a container of a new try gets a log stream. */
  move(job: FakeJob, status: JobStatus, statusReason?: string): void {
    if (isOver(job)) throw new Error(`job ${job.jobId} is over`);
    job.status = status;
    if (statusReason === undefined) delete job.statusReason;
    else job.statusReason = statusReason;
    if (status === 'STARTING') job.container = { logStreamName: `${job.jobName}/default/${job.attempts.length}` };
    if (status === 'RUNNING') job.startedAt = Date.now();
    this.tell(job);
  }

  /** Ends a try of a job: as its container did, or as Batch says. */
  end(job: FakeJob, how: { exitCode?: number; statusReason?: string; reason?: string } = {}): void {
    const { exitCode, reason, statusReason = job.terminated ?? 'Essential container in task exited' } = how;
    const container = {
      ...(job.container?.logStreamName === undefined ? {} : { logStreamName: job.container.logStreamName }),
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(reason === undefined ? {} : { reason }),
    };
    const stoppedAt = Date.now();
    job.attempts.push({ container, statusReason, startedAt: job.startedAt ?? stoppedAt, stoppedAt });
    job.container = container;
    if (exitCode === 0) this.finish(job, 'SUCCEEDED', statusReason);
    else if (job.terminated === null && this.isTriedAgain(job, { exitCode, statusReason, reason }))
      this.move(job, 'RUNNABLE');
    else this.finish(job, 'FAILED', statusReason);
  }

  private finish(job: FakeJob, status: 'SUCCEEDED' | 'FAILED', statusReason: string): void {
    this.move(job, status, statusReason);
    job.stoppedAt = Date.now();
    const parent = this.jobs.get(job.jobId.split(':')[0]!)!;
    if (parent === job) return;
    const children = this.children(parent);
    if (!children.every(isOver)) return;
    this.move(parent, children.every((child) => child.status === 'SUCCEEDED') ? 'SUCCEEDED' : 'FAILED');
  }

  private isTriedAgain(
    { request, attempts }: FakeJob,
    { exitCode, statusReason, reason }: { exitCode?: number; statusReason: string; reason?: string },
  ): boolean {
    if (attempts.length >= (request.retryStrategy?.attempts ?? 1)) return false;
    const matches = (pattern: string | undefined, text: string) =>
      pattern === undefined ||
      (pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text.toLowerCase() === pattern.toLowerCase());
    const rule = request.retryStrategy?.evaluateOnExit?.find(
      ({ onExitCode, onReason, onStatusReason }) =>
        matches(onExitCode, exitCode === undefined ? '' : String(exitCode)) &&
        matches(onReason, reason ?? '') &&
        matches(onStatusReason, statusReason),
    );
    return rule === undefined || rule.action === 'RETRY';
  }

  children(parent: FakeJob): FakeJob[] {
    return [...this.jobs.values()].filter(({ jobId }) => jobId.startsWith(`${parent.jobId}:`));
  }

  private tell(job: FakeJob): void {
    this.events.push({
      source: 'aws.batch',
      'detail-type': 'Batch Job State Change',
      time: new Date().toISOString(),
      detail: structuredClone(describe(job)) as Record<string, unknown>,
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, unknown>;
    const operation = (request.url ?? '').split('/').at(-1) as Operation;
    this.requests.push({ operation, body });
    const reply = (status: number, answer: object, type?: string) => {
      response.writeHead(status, { 'content-type': 'application/json', ...(type ? { 'x-amzn-errortype': type } : {}) });
      response.end(JSON.stringify(answer));
    };
    const fault = this.fault(operation);
    if (fault === 'throttled') return reply(429, { message: 'Too Many Requests' }, 'TooManyRequestsException');
    if (fault === 'error-before') return reply(500, { message: 'internal' }, 'ServerException');
    if (fault === 'lost-before') return void request.socket.destroy();
    if (fault === 'late') {
      this.late.push(() => void this.carryOut(operation, body));
      return void request.socket.destroy();
    }
    const outcome = this.carryOut(operation, body);
    if (fault === 'error-after') return reply(500, { message: 'internal' }, 'ServerException');
    if (fault === 'lost') return void request.socket.destroy();
    if (typeof outcome === 'string') return reply(400, { message: outcome }, 'ClientException');
    reply(200, outcome);
  }

  /** The answer, or why Batch refuses the request. */
  private carryOut(operation: Operation, body: Record<string, unknown>): object | string {
    switch (operation) {
      case 'submitjob':
        return this.submit(body as unknown as SubmitJobRequest);
      case 'describejobs': {
        const ids = body.jobs as string[];
        if (ids.length > 100) return 'at most 100 jobs';
        const seen = [...new Set(ids)].flatMap((id) => this.jobs.get(id) ?? []);
        const isOld = ({ createdAt = 0 }: FakeJob) => Date.now() - createdAt >= this.describesAfterMilliseconds;
        return { jobs: seen.filter(isOld).map(describe) };
      }
      case 'listjobs': {
        const { jobQueue, filters } = body as { jobQueue: string; filters: { name: string; values: string[] }[] };
        const name = filters.find((filter) => filter.name === 'JOB_NAME')?.values[0] ?? '';
        const parents = [...this.jobs.values()].filter(({ jobId }) => !jobId.includes(':'));
        const found = parents.filter(
          (job) => job.jobQueue === jobQueue && job.jobName.toLowerCase() === name.toLowerCase(),
        );
        return { jobSummaryList: found.map(({ jobId, jobName, createdAt }) => ({ jobId, jobName, createdAt })) };
      }
      case 'terminatejob': {
        const { jobId, reason } = body as { jobId: string; reason: string };
        const job = this.jobs.get(jobId);
        for (const each of job === undefined ? [] : [job, ...this.children(job)]) this.terminate(each, reason);
        return {};
      }
      default:
        return `${operation} is not carried out here`;
    }
  }

  private terminate(job: FakeJob, reason: string): void {
    if (isOver(job)) return;
    job.terminated ??= reason;
    if (job.arrayProperties?.size !== undefined) return;
    if (!['STARTING', 'RUNNING'].includes(job.status)) this.finish(job, 'FAILED', reason);
  }

  private submit(request: SubmitJobRequest): object | string {
    const problem = problemOf(request);
    if (problem !== null) return problem;
    this.count += 1;
    const jobId = `00000000-0000-4000-8000-${String(this.count).padStart(12, '0')}`;
    const size = request.arrayProperties?.size;
    const job = (id: string, arrayProperties?: JobDetail['arrayProperties']): FakeJob => ({
      jobId: id,
      jobArn: `${account}:job/${id}`,
      jobName: request.jobName!,
      jobQueue: request.jobQueue!,
      jobDefinition: request.jobDefinition!,
      status: 'SUBMITTED',
      attempts: [],
      createdAt: Date.now(),
      startedAt: undefined,
      retryStrategy: request.retryStrategy,
      timeout: request.timeout,
      tags: request.tags,
      ...(arrayProperties === undefined ? {} : { arrayProperties }),
      request,
      terminated: null,
    });
    this.jobs.set(jobId, job(jobId, size === undefined ? undefined : { size }));
    for (let index = 0; index < (size ?? 0); index += 1)
      this.jobs.set(`${jobId}:${index}`, job(`${jobId}:${index}`, { index }));
    return { jobArn: `${account}:job/${jobId}`, jobName: request.jobName, jobId };
  }
}

export const isOver = ({ status }: FakeJob): boolean => status === 'SUCCEEDED' || status === 'FAILED';

function describe({ request: _request, terminated: _terminated, ...detail }: FakeJob): object {
  return detail;
}

/** What the API reference of SubmitJob does not allow. */
function problemOf(request: SubmitJobRequest): string | null {
  const { jobName = '', arrayProperties, retryStrategy, timeout, tags = {}, containerOverrides } = request;
  // The stack's queues all have a fair-share scheduling policy, which asks for a share.
  if (!/^[A-Za-z0-9]{1,255}$/.test(request.shareIdentifier ?? '')) return `shareIdentifier ${request.shareIdentifier}`;
  if (!/^[A-Za-z0-9][\w-]{0,127}$/.test(jobName)) return `jobName ${jobName}`;
  const size = arrayProperties?.size;
  if (size !== undefined && (size < 2 || size > 10_000)) return `array size ${size}`;
  if (timeout !== undefined && (timeout.attemptDurationSeconds ?? 0) < 60) return 'timeout below 60 seconds';
  const { attempts = 1, evaluateOnExit = [] } = retryStrategy ?? {};
  if (attempts < 1 || attempts > 10) return `${attempts} attempts`;
  if (evaluateOnExit.length > 5) return 'more than 5 conditions';
  for (const { onExitCode, onReason, onStatusReason } of evaluateOnExit) {
    if (onExitCode !== undefined && !/^\d*\*?$/.test(onExitCode)) return `onExitCode ${onExitCode}`;
    for (const pattern of [onReason, onStatusReason])
      if (pattern !== undefined && !/^[A-Za-z0-9.:\s]*\*?$/.test(pattern)) return `pattern ${pattern}`;
  }
  for (const [name, value] of Object.entries(tags))
    if (!/^[\p{L}\p{N} _.:/=+@-]{1,128}$/u.test(name) || !/^[\p{L}\p{N} _.:/=+@-]{0,256}$/u.test(value))
      return `tag ${name}=${value}`;
  if (JSON.stringify(containerOverrides ?? {}).length > 8192) return 'container overrides of more than 8192 characters';
  return null;
}
