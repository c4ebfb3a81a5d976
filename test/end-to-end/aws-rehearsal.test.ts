import { createAccess } from '../../api/access/authentication';
import { createHttpApiHandler } from '../../api/lambda/http-api';
import { invocations } from '../../api/lambda/invocation';
import { handleJobEvent, reconcileBatch } from '../../api/launcher/batch';
import { type Batch, connectBatch } from '../../api/launcher/batch-connection';
import { reindex } from '../../api/process/reindex.service';
import type { ObjectStore } from '../../contract/objects/object-store';
import { type TestServices, useTestServices } from '../testkit/api-services';
import { apiSchema } from '../testkit/ask';
import { testBatchSettings } from '../testkit/batch-settings';
import { batchTrainers } from '../testkit/batch-trainers';
import { FakeBatch, type FakeJob } from '../testkit/fake-batch';
import { httpEvent, s3Message } from '../testkit/lambda-events';
import { useLiveStack } from '../testkit/live-stack';
import { useTestRecords } from '../testkit/records';
import { eventually } from '../testkit/test-runner';
import { startTokenIssuer, type TokenIssuer } from '../testkit/token-issuer';

/**
 * A day on AWS in one go, against stand-ins: an issuer, the HTTP API's events, a gateway with the socket function behind
 * it, S3's messages, AWS Batch with containers that are processes, and the records of the engine under test.
 */
describe('a day on AWS', () => {
  const live = useLiveStack();
  const records = useTestRecords();
  const testServices = useTestServices();
  let services: TestServices;
  let issuer: TokenIssuer;
  let fake: FakeBatch;
  let batch: Batch;

  beforeEach(async () => {
    services = testServices();
    issuer = await startTokenIssuer();
    fake = new FakeBatch();
    await fake.listen();
    batch = connectBatch(testBatchSettings(fake));
    await live.start(services);
    process.env.SCRIPTED_MACHINE = JSON.stringify({ instanceType: 'g5.xlarge', capacity: 'spot' });
  });
  afterEach(async () => {
    delete process.env.SCRIPTED_MACHINE;
    await fake.close();
    await issuer.close();
  });

  /** GraphQL over HTTP, as the function answers it. */
  async function asker() {
    const { address } = issuer;
    const roles = new Map([['editor', 'editor' as const]]);
    const oidc = { issuer: address, audience: 'stillhouse', roleClaim: 'roles', roles };
    const handler = createHttpApiHandler({
      schema: await apiSchema(),
      access: createAccess({ tokens: [], oidc }),
      introspection: false,
      begin: invocations(
        { ...services, readableBuckets: ['results'], slots: 16, region: 'eu-west-1' },
        { wake: async () => {}, announce: async (news) => void live.stack.queue.push(JSON.stringify(news)) },
      ),
    });
    return async (query: string, variables: object = {}, token = issuer.token()) => {
      const headers = { authorization: `Bearer ${token}`, 'accept-encoding': 'br' };
      const {
        statusCode,
        body = '',
        isBase64Encoded,
      } = await handler(httpEvent({ headers, body: JSON.stringify({ query, variables }) }));
      expect(isBase64Encoded).toBe(false);
      return { status: statusCode, ...JSON.parse(body) };
    };
  }

  /** S3 tells of what was written since the last time, as messages of the live updates queue. */
  async function tellOfObjects(): Promise<void> {
    for (const key of await keysOf(services.objects)) if (/\.jsonl?$/.test(key)) live.stack.queue.push(s3Message(key));
    await live.stack.drain();
  }
  const deliverJobEvents = async () => {
    for (const event of fake.events.splice(0)) await handleJobEvent(services, batch, event);
  };

  const createMutation = `mutation ($input: ExperimentInput!) { createExperiment(launch: true, input: $input) {
    ... on ExperimentPayload { experiment { id } } ... on Failure { problems { path message } } } }`;
  const inputOf = (folder: string) => ({
    name: 'a day on AWS',
    data: { train: `${folder}/train.csv`, test: `${folder}/test.csv` },
    variants: [{ name: 'scratch', method: 'scratch' }],
    seeds: [0, 1, 2, 3],
  });
  it('goes from the sign-in to a new start on what was left', async () => {
    const ask = await asker();

    // Sign-in: no token, one of another issuer, one of ours.
    expect((await ask('{ viewer { name } }', {}, 'no-token-at-all')).status).toBe(401);
    expect((await ask('{ viewer { name role } }')).data.viewer).toEqual({ name: 'ann', role: 'EDITOR' });

    // Data that machines cannot read are refused; in the stack's bucket they are taken, and the runs launched.
    const refused = await ask(createMutation, { input: inputOf('/data') });
    expect(refused.data.createExperiment.problems.map(({ path }: { path: string }) => path)).toEqual([
      'data.train',
      'data.test',
    ]);
    const { data } = await ask(createMutation, { input: inputOf('s3://results/data') });
    const { id } = data.createExperiment.experiment;
    await reconcileBatch(services, batch);
    const jobs = fake.working();
    expect(jobs).toHaveLength(4);
    const runIds = await idsOf(services, id);
    const [good, reclaimed, wrong, cancelled] = runIds as [string, string, string, string];
    const scripts = { [good]: 'ok', [reclaimed]: 'later', [wrong]: 'input', [cancelled]: 'slow' };
    const trainers = batchTrainers(fake, services.folder, scripts);
    const jobOf = (runId: string): FakeJob => jobs[runIds.indexOf(runId)]!;

    // Live: a client follows while the first run goes through its life.
    const seen: number[] = [];
    live.connect().subscribe<{ metricsLogged: { records: { step: number }[] } }>(
      { query: `subscription { metricsLogged(runId: "${good}") { cursor records { step } } }` },
      {
        next: ({ data: news }) => void seen.push(...news!.metricsLogged.records.map(({ step }) => step)),
        error: () => {},
        complete: () => {},
      },
    );
    await eventually('the subscription is stored', async () => live.stack.queue.length > 0);
    await trainers.run(jobOf(good));
    await tellOfObjects();
    await deliverJobEvents();
    await eventually('the metrics have come', async () => seen.length >= 2);
    expect(seen).toEqual([1, 2]);

    // A spot machine is taken back: the run goes on in its second attempt.
    const first = trainers.run(jobOf(reclaimed));
    await eventually('it lives', async () => (await services.objects.info(`runs/${reclaimed}/progress.json`)) !== null);
    trainers.stop(jobOf(reclaimed));
    await first;
    await deliverJobEvents();
    await trainers.run(jobOf(reclaimed));

    // One fails for its data, one is cancelled while it runs.
    await trainers.run(jobOf(wrong));
    const slow = trainers.run(jobOf(cancelled));
    await eventually('it lives', async () => (await services.objects.info(`runs/${cancelled}/progress.json`)) !== null);
    await deliverJobEvents();
    await ask(`mutation { cancelRun(runId: "${cancelled}") { __typename } }`);
    await reconcileBatch(services, batch);
    expect(jobOf(cancelled).terminated).toBe('stillhouse: cancelled');
    trainers.stop(jobOf(cancelled));
    await slow;
    await tellOfObjects();
    await deliverJobEvents();

    const states = async (from: TestServices) =>
      Object.fromEntries(
        (await from.database.selectFrom('run').select(['id', 'state']).execute()).map((run) => [run.id, run.state]),
      );
    const expected = { [good]: 'SUCCEEDED', [reclaimed]: 'SUCCEEDED', [wrong]: 'FAILED', [cancelled]: 'CANCELLED' };
    expect(await states(services)).toEqual(expected);
    const failed = await services.database
      .selectFrom('run')
      .select('failure_message')
      .where('id', '=', wrong)
      .executeTakeFirst();
    expect(failed?.failure_message).toContain('data.train: does not exist');

    // Costs: of every attempt, at the price of its machine, said to be of another region.
    const attempts = await services.database.selectFrom('attempt').selectAll().execute();
    expect(attempts.length).toBe(5);
    for (const attempt of attempts)
      expect(attempt).toMatchObject({ cost: expect.any(Number), price_source: expect.stringContaining('us-east-1') });

    // The stack is gone, the bucket is left: new records are made of it, with the same ends.
    const database = await records.open();
    const rebuilt = { ...services, database };
    await reindex(rebuilt);
    expect(await states(rebuilt)).toEqual(expected);
  }, 120_000);
});

async function keysOf(objects: ObjectStore): Promise<string[]> {
  const { objects: found } = await objects.list('runs/');
  return found.map(({ key }) => key);
}

async function idsOf({ database }: TestServices, experimentId: string): Promise<string[]> {
  const rows = await database
    .selectFrom('run')
    .select('id')
    .where('experiment_id', '=', experimentId)
    .orderBy('job_index')
    .execute();
  return rows.map(({ id }) => id);
}
