import type { RunState } from '../../../api/database/tables';
import { handleJobEvent, reconcileBatch } from '../../../api/launcher/batch';
import { connectBatch } from '../../../api/launcher/batch-connection';
import type { BatchSettings } from '../../../api/launcher/batch-settings';
import { shareOf } from '../../../api/launcher/batch-submit';
import { cancelRun, retryRun } from '../../../api/runs/run-control.service';
import { jobManifestKey } from '../../../contract/keys';
import { insertExperiment, insertRun, readRun, type TestServices, useTestServices } from '../../testkit/api-services';
import { testBatchSettings } from '../../testkit/batch-settings';
import { batchTrainers } from '../../testkit/batch-trainers';
import { FakeBatch, type FakeJob } from '../../testkit/fake-batch';
import { passSeconds } from '../../testkit/passing-time';
import { eventually } from '../../testkit/test-runner';
import { writeResult } from '../../testkit/written-run';

const testServices = useTestServices();
let services: TestServices;
let fake: FakeBatch;
let batch: ReturnType<typeof connectBatch>;

const connect = (given: Partial<BatchSettings> = {}) => connectBatch(testBatchSettings(fake, given));

beforeEach(async () => {
  services = testServices();
  fake = new FakeBatch();
  await fake.listen();
  batch = connect();
  await insertExperiment(services);
});
afterEach(() => fake.close());
afterEach(() => jest.useRealTimers());

const reconcile = () => reconcileBatch(services, batch);
const deliver = async (events = fake.events.splice(0)) => {
  for (const event of events) await handleJobEvent(services, batch, event);
};
const states = async (...ids: string[]): Promise<RunState[]> =>
  Promise.all(ids.map(async (id) => (await readRun(services, id)).state));
const attempts = (id: string) =>
  services.database.selectFrom('attempt').selectAll().where('run_id', '=', id).orderBy('number').execute();
const onlyJob = (): FakeJob => {
  expect(fake.working()).toHaveLength(1);
  return fake.working()[0]!;
};

describe('submitting to Batch', () => {
  it('makes a run alone a plain job, with its queue, timeout, tags and retries by reason', async () => {
    const definition = JSON.stringify({ compute: { gpu: 'g6', capacity: 'on-demand', timeoutSeconds: 3600 } });
    await insertExperiment(services, { id: 'other', definition });
    await insertRun(services, 'ok-1', { experiment_id: 'other', variant: 'kd [alpha=0.7]', method: 'kd' });
    await reconcile();

    const job = onlyJob();
    expect(job.jobName).toBe('ok-1-r1');
    expect(job.request).toMatchObject({
      jobQueue: 'g6-on-demand',
      jobDefinition: 'stillhouse',
      timeout: { attemptDurationSeconds: 3600 },
      containerOverrides: { environment: [{ name: 'STILLHOUSE_RUN_ID', value: 'ok-1' }] },
      propagateTags: true,
      tags: {
        'stillhouse:experiment': 'other',
        'stillhouse:variant': 'kd _alpha=0.7_',
        'stillhouse:method': 'kd',
        'stillhouse:run': 'ok-1',
      },
    });
    expect(job.request.arrayProperties).toBeUndefined();
    expect(await readRun(services, 'ok-1')).toMatchObject({ state: 'SUBMITTED', job_name: 'ok-1-r1', job_index: 0 });
  });

  it('makes the seeds of a variant one array job, whose manifest says which child is which run', async () => {
    for (const [seed, id] of ['ok-1', 'ok-2', 'ok-3'].entries()) await insertRun(services, id, { seed });
    await insertRun(services, 'ok-4', { group_id: 'another group' });
    await reconcile();
    const [array, plain] = fake.requests.filter(({ operation }) => operation === 'submitjob');
    expect(array!.body).toMatchObject({
      arrayProperties: { size: 3 },
      containerOverrides: { environment: [{ name: 'STILLHOUSE_MANIFEST', value: 'jobs/ok-1-r1.json' }] },
    });
    expect(plain!.body).toMatchObject({ jobName: 'ok-4-r1' });
    const manifest = await services.objects.read(jobManifestKey('ok-1-r1'));
    expect(JSON.parse(Buffer.from(manifest!).toString()).runIds).toEqual(['ok-1', 'ok-2', 'ok-3']);
  });

  it('submits nothing twice, however often it looks', async () => {
    await insertRun(services, 'ok-1');
    await Promise.all([reconcile(), reconcile().catch(() => {})]);
    await reconcile();
    expect(fake.working()).toHaveLength(1);
  });

  it('leaves runs waiting for which there is no queue, and says so', async () => {
    await services.database
      .updateTable('experiment')
      .set({ definition: JSON.stringify({ compute: { gpu: 'p5' } }) })
      .execute();
    await insertRun(services, 'ok-1');
    await reconcile();
    expect(fake.working()).toEqual([]);
    expect((await readRun(services, 'ok-1')).waiting_reason).toBe(
      'waits: no queue has the machines its experiment asks for; there are g5:spot, g6:on-demand',
    );
  });

  it('has the jobs of an experiment count to one share of a queue, and those of another to another', async () => {
    await insertExperiment(services, { id: 'other' });
    await insertRun(services, 'ok-1');
    await insertRun(services, 'ok-2', { group_id: 'another group' });
    await insertRun(services, 'ok-3', { experiment_id: 'other' });
    await reconcile();
    const shares = Object.fromEntries(fake.working().map((job) => [job.jobName, job.request.shareIdentifier]));
    expect(shares).toEqual({
      'ok-1-r1': shareOf('experiment'),
      'ok-2-r1': shareOf('experiment'),
      'ok-3-r1': shareOf('other'),
    });
    expect(shareOf('experiment')).not.toBe(shareOf('other'));
  });

  it('has fewer shares in a queue than the 500 that Batch takes, whatever the experiments are called', () => {
    const shares = new Set(Array.from({ length: 10_000 }, (_, place) => shareOf(`experiment-${place}`)));
    expect(shares.size).toBeLessThan(500);
    for (const share of shares) expect(share).toMatch(/^[A-Za-z0-9]{1,255}$/);
  });

  it('takes the runs of experiments in turn, so that a large one does not keep a small one waiting', async () => {
    batch = connect({ mostActiveRuns: 8 });
    for (let place = 0; place < 20; place += 1) await insertRun(services, `large-${place}`, { position: place });
    await reconcile();
    await insertExperiment(services, { id: 'small', launched_at: new Date().toISOString() });
    for (let place = 0; place < 3; place += 1)
      await insertRun(services, `small-${place}`, { experiment_id: 'small', position: place });
    const underWay = async (experiment: string) =>
      services.database
        .selectFrom('run')
        .select('id')
        .where('experiment_id', '=', experiment)
        .where('state', '!=', 'PENDING')
        .execute();
    expect(await underWay('experiment')).toHaveLength(8);
    // The first two of the large one are over: what they leave goes to the small one.
    for (const id of ['large-0', 'large-1']) await writeResult(services.objects, id);
    for (const job of fake.working().slice(0, 2)) {
      fake.move(job, 'STARTING');
      fake.move(job, 'RUNNING');
      fake.end(job, { exitCode: 0 });
    }
    await reconcile();
    expect((await underWay('small')).map(({ id }) => id).sort()).toEqual(['small-0', 'small-1']);
    expect(await underWay('experiment')).toHaveLength(8);
    // Where both wait and room is left, they take turns until as many of each are under way.
    batch = connect({ mostActiveRuns: 11 });
    await reconcile();
    expect(await underWay('small')).toHaveLength(3);
    expect(await underWay('experiment')).toHaveLength(10);
  });

  it('has no more runs under way than it may', async () => {
    batch = connect({ mostActiveRuns: 1 });
    await insertRun(services, 'ok-1');
    await insertRun(services, 'ok-2');
    await reconcile();
    expect(await states('ok-1', 'ok-2')).toEqual(['SUBMITTED', 'PENDING']);
    expect((await readRun(services, 'ok-2')).waiting_reason).toBe('waits until fewer than 1 runs are under way');
  });
});

describe('a run in Batch', () => {
  it('goes through its life by events and the objects of its trainer', async () => {
    for (const id of ['ok-1', 'ok-2']) await insertRun(services, id);
    await reconcile();
    const trainers = batchTrainers(fake, services.folder);
    await Promise.all(fake.working().map((job) => trainers.run(job)));
    await deliver();
    expect(await states('ok-1', 'ok-2')).toEqual(['SUCCEEDED', 'SUCCEEDED']);
    expect(await attempts('ok-2')).toMatchObject([{ number: 1, outcome: 'succeeded', log: null }]);
  });

  it('goes through its life without any event, by looks alone', async () => {
    await insertRun(services, 'ok-1');
    await reconcile();
    const job = onlyJob();
    fake.move(job, 'STARTING');
    await reconcile();
    expect(await states('ok-1')).toEqual(['STARTING']);
    expect(await attempts('ok-1')).toMatchObject([{ log: 'ok-1-r1/default/0' }]);
    await batchTrainers(fake, services.folder).run(job);
    await reconcile();
    expect(await states('ok-1')).toEqual(['SUCCEEDED']);
  });

  it('says why it waits, in words and in those of Batch', async () => {
    await insertRun(services, 'ok-1');
    await reconcile();
    const job = onlyJob();
    const reason = async () => {
      await reconcile();
      return (await readRun(services, 'ok-1')).waiting_reason;
    };
    expect(await reason()).toBe('waits until AWS Batch has taken it in (SUBMITTED)');
    fake.move(job, 'RUNNABLE');
    expect(await reason()).toContain('waits for a machine: AWS Batch starts one');
    fake.move(
      job,
      'RUNNABLE',
      'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested',
    );
    expect(await reason()).toBe(
      'waits for a machine: AWS has no machine of this kind free; another kind, or on-demand, may be had at once ' +
        '(CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested)',
    );
    fake.move(job, 'STARTING');
    expect(await reason()).toBeNull();
  });

  it('says that the quota may be 0 where Batch starts no machine and gives no reason', async () => {
    for (const id of ['ok-1', 'ok-2']) await insertRun(services, id, { group_id: id });
    await reconcile();
    const [first, second] = fake.working() as [FakeJob, FakeJob];
    for (const job of [first, second]) fake.move(job, 'RUNNABLE');
    const reason = async () => (await readRun(services, 'ok-1')).waiting_reason;
    expect(await reconcile()).toEqual({ stuckRuns: 0 });
    expect(await reason()).toContain('AWS Batch starts one, or another job goes first');
    passSeconds(14 * 60);
    expect(await reconcile()).toEqual({ stuckRuns: 0 });
    passSeconds(2 * 60);
    expect(await reconcile()).toEqual({ stuckRuns: 2 });
    expect(await reason()).toBe(
      'waits for a machine: AWS Batch has started none for 15 minutes and gives no reason; the quota of vCPUs of this ' +
        'family may be 0 or used up: see "G and VT" and "P" instances, on demand and spot, in Service Quotas of EC2 (RUNNABLE)',
    );
    // Another job of the queue has a machine: this one waits for its turn.
    fake.move(second, 'STARTING');
    expect(await reconcile()).toEqual({ stuckRuns: 0 });
    expect(await reason()).toContain('another job goes first');
    fake.move(first, 'RUNNABLE', 'UNDETERMINED - Batch job is blocked, root cause is undetermined');
    expect(await reconcile()).toEqual({ stuckRuns: 1 });
    expect(await reason()).toContain('AWS Batch does not know why; the quota of vCPUs of this family may be 0');
  });

  it('goes on as a new attempt where its spot machine was taken back', async () => {
    await insertRun(services, 'later-1');
    await reconcile();
    const job = onlyJob();
    const trainers = batchTrainers(fake, services.folder);
    const first = trainers.run(job);
    await eventually('it lives', async () => (await services.objects.info('runs/later-1/progress.json')) !== null);
    await deliver();
    trainers.stop(job);
    await first;
    expect(job.status).toBe('RUNNABLE');
    await deliver();
    expect((await readRun(services, 'later-1')).waiting_reason).toContain('waits for a machine for try 2');

    await trainers.run(job);
    await deliver();
    expect(await readRun(services, 'later-1')).toMatchObject({ state: 'SUCCEEDED', attempt: 2, waiting_reason: null });
    expect(await attempts('later-1')).toMatchObject([
      { number: 1, outcome: 'interrupted' },
      { number: 2, outcome: 'succeeded' },
    ]);
    expect(fake.requests.filter(({ operation }) => operation === 'submitjob')).toHaveLength(1);
  });

  it.each([
    [
      'its machine is gone with all tries',
      { statusReason: 'Host EC2 (instance i-0abc) terminated.' },
      10,
      { state: 'PENDING', waiting_reason: 'waits to be taken up' },
    ],
    [
      'its time ran out',
      { exitCode: 75, statusReason: 'Job attempt duration exceeded timeout' },
      1,
      { state: 'FAILED', failure_kind: 'resources' },
    ],
    [
      'its memory ran out',
      { exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' },
      1,
      { state: 'FAILED', failure_kind: 'resources' },
    ],
    ['its input is wrong', { exitCode: 2 }, 1, { state: 'FAILED', failure_kind: 'input' }],
    [
      'its image is not to be had',
      { statusReason: 'Task failed to start', reason: 'CannotPullContainerError: not found' },
      1,
      { state: 'PENDING', crashes: 1 },
    ],
  ] as const)('%s', async (_what, how, ends, expected) => {
    await insertRun(services, 'ok-1');
    await reconcile();
    const job = onlyJob();
    if ('statusReason' in how && how.statusReason.includes('timeout')) job.terminated = how.statusReason;
    for (let count = 0; count < ends; count += 1) fake.end(job, how);
    expect(job.status).toBe('FAILED');
    batch = connect({ mostActiveRuns: 1 });
    await deliver();
    const run = await readRun(services, 'ok-1');
    if (expected.state !== 'PENDING') expect(run).toMatchObject(expected);
    else expect(run.state).toBe('PENDING');
    if ('crashes' in expected) expect(run.crashes).toBe(1);
  });

  it('stops its experiment after three failures of the machinery in a row, and takes back what has not begun', async () => {
    for (const id of ['ok-1', 'ok-2', 'ok-3', 'ok-4']) await insertRun(services, id);
    await reconcile();
    const [first, second, third, fourth] = fake.working();
    fake.move(fourth!, 'RUNNABLE');
    const reason = 'Canceled by JobStateTimeLimit action due to reason: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT';
    for (const job of [first!, second!, third!]) {
      job.terminated = reason;
      fake.end(job);
    }
    await deliver();
    const experiment = () => services.database.selectFrom('experiment').selectAll().executeTakeFirstOrThrow();
    expect(await experiment()).toMatchObject({ state: 'stopped' });
    expect((await experiment()).stop_reason).toContain('no machine of the compute environment is large enough');
    await reconcile();
    await reconcile();
    expect(await states('ok-1', 'ok-2', 'ok-3', 'ok-4')).toEqual(['PENDING', 'PENDING', 'PENDING', 'PENDING']);
    expect((await readRun(services, 'ok-4')).waiting_reason).toBe('waits because its experiment stopped launching');
    expect(fake.requests.filter(({ operation }) => operation === 'submitjob')).toHaveLength(1);
  });

  it('is cancelled alone among the children of its array, before it begins and at work', async () => {
    for (const id of ['ok-1', 'slow-2', 'ok-3']) await insertRun(services, id);
    await reconcile();
    const [, slow, third] = fake.working();
    const trainers = batchTrainers(fake, services.folder);
    const ended = trainers.run(slow!);
    await eventually('it lives', async () => (await services.objects.info('runs/slow-2/progress.json')) !== null);
    await deliver();
    await cancelRun(services, 'slow-2');
    await cancelRun(services, 'ok-3');
    await reconcile();
    expect(third!.status).toBe('FAILED');
    expect(slow!.terminated).toBe('stillhouse: cancelled');
    trainers.stop(slow!);
    await ended;
    await deliver();
    expect(await states('ok-1', 'slow-2', 'ok-3')).toEqual(['SUBMITTED', 'CANCELLED', 'CANCELLED']);
    expect(await attempts('slow-2')).toMatchObject([{ outcome: 'cancelled' }]);

    await retryRun(services, 'ok-3');
    await reconcile();
    expect((await readRun(services, 'ok-3')).job_name).not.toBe('ok-1-r1');
  });

  it('is stopped when it gives no sign of life, and tried again', async () => {
    await insertRun(services, 'ok-1');
    await reconcile();
    const job = onlyJob();
    fake.move(job, 'RUNNABLE');
    passSeconds(3600);
    await reconcile();
    expect(job.terminated).toBeNull();
    fake.move(job, 'RUNNING');
    passSeconds(1000);
    await reconcile();
    expect(job.terminated).toContain('stillhouse: stalled: the trainer gave no sign of life for 600 seconds');
    fake.end(job, { exitCode: 137 });
    await deliver();
    expect(await readRun(services, 'ok-1')).toMatchObject({ state: 'PENDING', crashes: 1 });
    expect(await attempts('ok-1')).toMatchObject([{ failure_message: expect.stringContaining('no sign of life') }]);
  });
});

describe('when something goes wrong on the way to Batch', () => {
  it('finds the job whose submission was never answered', async () => {
    await insertRun(services, 'ok-1');
    fake.fault = (operation) => (operation === 'submitjob' ? 'lost' : null);
    await expect(reconcile()).rejects.toThrow();
    fake.fault = () => null;
    await reconcile();
    expect(await states('ok-1')).toEqual(['SUBMITTED']);
    passSeconds(130);
    await reconcile();
    const { job_id } = await services.database.selectFrom('batch_job').selectAll().executeTakeFirstOrThrow();
    expect(job_id).toBe(onlyJob().jobId);
  });

  it('learns the id of a job from its first event', async () => {
    await insertRun(services, 'ok-1');
    fake.fault = (operation) => (operation === 'submitjob' ? 'error-after' : null);
    await expect(reconcile()).rejects.toThrow();
    fake.move(onlyJob(), 'RUNNABLE');
    await deliver();
    const { job_id } = await services.database.selectFrom('batch_job').selectAll().executeTakeFirstOrThrow();
    expect(job_id).toBe(onlyJob().jobId);
  });

  it('sends a job again that Batch never got, and one at once that it had too many of', async () => {
    await insertRun(services, 'ok-1');
    fake.fault = (operation) => (operation === 'submitjob' ? 'error-before' : null);
    await expect(reconcile()).rejects.toThrow();
    fake.fault = () => null;
    passSeconds(130);
    await reconcile();
    onlyJob();

    await insertRun(services, 'ok-2');
    fake.fault = (operation) => (operation === 'submitjob' ? 'throttled' : null);
    await expect(reconcile()).rejects.toThrow('Too Many Requests');
    fake.fault = () => null;
    await reconcile();
    expect(fake.working()).toHaveLength(2);
  });

  it('gives the runs of a refused job back, counts one failure, and says what Batch said', async () => {
    for (const id of ['ok-1', 'ok-2']) await insertRun(services, id);
    await services.database.updateTable('experiment').set({ infrastructure_failures: 2 }).execute();
    batch = connect();
    const submit = batch.submitClient.send.bind(batch.submitClient);
    jest.spyOn(batch.submitClient, 'send').mockImplementation(((command: { input: { jobName?: string } }) => {
      command.input.jobName = 'not a name';
      return submit(command as never);
    }) as never);
    await reconcile();
    expect(await states('ok-1', 'ok-2')).toEqual(['PENDING', 'PENDING']);
    const { state, stop_reason } = await services.database
      .selectFrom('experiment')
      .selectAll()
      .executeTakeFirstOrThrow();
    expect(state).toBe('stopped');
    expect(stop_reason).toContain('AWS Batch refused its job: ClientException: jobName not a name');
  });

  it('stops a second job of the same name, and takes none of its attempts for those of the run', async () => {
    await insertRun(services, 'slow-1');
    await reconcile();
    const first = onlyJob();
    await batch.client.send(
      new (await import('@aws-sdk/client-batch')).SubmitJobCommand({ ...first.request } as never),
    );
    const second = fake.working()[1]!;
    fake.move(second, 'RUNNING');
    await deliver();
    expect(second.terminated).toBe('stillhouse: a second job of the same name');
    expect(first.terminated).toBeNull();
    expect(await states('slow-1')).toEqual(['SUBMITTED']);
  });

  it('takes up again what Batch has forgotten', async () => {
    await insertRun(services, 'ok-1');
    await reconcile();
    fake.jobs.clear();
    await reconcile();
    expect(await states('ok-1')).toEqual(['SUBMITTED']);
    passSeconds(130);
    await reconcile();
    expect((await readRun(services, 'ok-1')).job_name).toBe('ok-1-r3');
    expect(fake.working()).toHaveLength(1);
  });

  it('changes by an event of its own job alone, though others have runs at the same place', async () => {
    for (const [place, id] of ['ok-1', 'ok-2'].entries()) await insertRun(services, id, { group_id: `${place}` });
    await reconcile();
    const [first, second] = fake.working() as [FakeJob, FakeJob];
    expect([first.jobName, second.jobName]).toEqual(['ok-1-r1', 'ok-2-r1']);
    for (const job of [first, second]) fake.move(job, 'RUNNING');
    await deliver();
    fake.end(second, { exitCode: 2, reason: 'no such file' });
    const before = await readRun(services, 'ok-1');
    await deliver();
    expect(await states('ok-1', 'ok-2')).toEqual([before.state, 'FAILED']);
    expect(await readRun(services, 'ok-1')).toEqual(before);
  });

  it('is left to a server that has begun it with these records, for as long as that gives signs of life', async () => {
    const heartbeat_at = new Date().toISOString();
    await insertRun(services, 'slow-1', { state: 'RUNNING', attempt: 1, heartbeat_at });
    await reconcile();
    expect(await readRun(services, 'slow-1')).toMatchObject({ state: 'RUNNING', job_name: null });
    expect(fake.working()).toEqual([]);
    passSeconds(601);
    await reconcile();
    expect(fake.working()).toHaveLength(1);
  });

  it('changes nothing by events that come twice, late, in another order or for others', async () => {
    await insertRun(services, 'ok-1');
    await reconcile();
    await batchTrainers(fake, services.folder).run(onlyJob());
    const events = fake.events.splice(0);
    await deliver([...events].reverse());
    const after = await readRun(services, 'ok-1');
    expect(after.state).toBe('SUCCEEDED');
    await deliver([...events, ...events, { ...events[0]!, detail: { ...events[0]!.detail, jobName: 'of-others' } }]);
    expect(await readRun(services, 'ok-1')).toEqual(after);
  });
});
