import { join } from 'node:path';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { openPostgres } from '../../../api/database/postgres';
import { bundleFunctions } from '../../../api/lambda/bundle';
import { createRunChanges } from '../../../api/subscriptions/run-changes';
import { bundleFolder, type LambdaFunction, lambdaFunctions } from '../../../contract/aws';
import { metricsKey } from '../../../contract/keys';
import { s3ObjectStore } from '../../../contract/objects/s3';
import { insertExperiment, insertRun } from '../../testkit/api-services';
import { type FunctionProcess, startFunction } from '../../testkit/function-process';
import { httpEvent, s3Message, sqsEvent, webSocketEvent } from '../../testkit/lambda-events';
import { describeWithMoto } from '../../testkit/moto-server';
import { onServer, urlOf } from '../../testkit/records';
import { useTestFolder } from '../../testkit/test-folder';
import { startTokenIssuer, type TokenIssuer } from '../../testkit/token-issuer';
import { stepRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

const name = `functions_${process.pid}`;

describeWithMoto('the functions as they are deployed', (moto) => {
  const folder = useTestFolder();
  const running: FunctionProcess[] = [];
  let issuer: TokenIssuer;
  beforeEach(async () => {
    issuer = await startTokenIssuer();
    await onServer([`create database "${name}" template template0`]);
  });
  afterEach(async () => {
    for (const started of running.splice(0)) await started.stop();
    await issuer.close();
    await onServer([`drop database "${name}" with (force)`]);
  });

  it('start from their bundles alone, and work together on S3, SQS and PostgreSQL', async () => {
    const sizes = await bundleFunctions(folder.path());
    expect([...sizes.keys()].sort()).toEqual(Object.keys(lambdaFunctions).sort());
    const { endpoint, environment } = moto();
    const sqs = new SQSClient({ endpoint });
    const queue = async (QueueName: string) => (await sqs.send(new CreateQueueCommand({ QueueName }))).QueueUrl!;
    const [reconcile, live] = [await queue('reconcile'), await queue('live')];
    const waiting = async (QueueUrl: string) => {
      const AttributeNames = ['ApproximateNumberOfMessages' as const];
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
      return Number(Attributes?.ApproximateNumberOfMessages);
    };
    const bucket = await moto().createBucket();
    const start = async (which: LambdaFunction) => {
      const started = await startFunction(join(folder.path(), bundleFolder(which)), {
        ...environment,
        STILLHOUSE_BUCKET: bucket,
        STILLHOUSE_DATABASE_HOST: urlOf(name),
        STILLHOUSE_DATABASE_USER: 'stillhouse',
        STILLHOUSE_RECONCILE_QUEUE_URL: reconcile,
        STILLHOUSE_LIVE_UPDATES_QUEUE_URL: live,
        STILLHOUSE_CONNECTIONS_ENDPOINT: endpoint,
        STILLHOUSE_SUBSCRIPTIONS_URL: 'wss://live.example/live',
        STILLHOUSE_OIDC_ISSUER: issuer.address,
        STILLHOUSE_OIDC_AUDIENCE: 'stillhouse',
        STILLHOUSE_BATCH_QUEUES: 'g5:spot=spot',
        STILLHOUSE_BATCH_JOB_DEFINITION: 'trainer',
        STILLHOUSE_READABLE_BUCKETS: bucket,
      });
      running.push(started);
      return started;
    };

    const migrate = await start('migrate');
    for (const RequestType of ['Create', 'Update', 'Delete'])
      expect((await migrate.invoke({ RequestType })).result).toEqual({ PhysicalResourceId: 'records' });
    const records = await openPostgres(urlOf(name), { connections: 1, migrate: false });
    if (records.kind === 'refused') throw new Error(records.message);
    const objects = s3ObjectStore({ bucket, prefix: '', endpoint, region: environment.AWS_REGION! });
    const services = { database: records.database, objects, changes: createRunChanges(), wake: () => {} };
    await insertExperiment(services);
    await insertRun(services, 'r', { state: 'RUNNING', attempt: 1 });
    await writeAttempt(objects, 'r', 1, null);
    await writeChunk(objects, 'r', 1, 0, [stepRecord(1, { 'train/loss': 0.5 })]);

    const fanOut = await start('fan-out');
    const written = sqsEvent([s3Message(metricsKey('r', 1, 0))]);
    expect((await fanOut.invoke(written)).result).toEqual({ batchItemFailures: [] });

    const graphql = await start('graphql');
    const headers = { authorization: `Bearer ${issuer.token()}` };
    const query =
      'mutation { cancelRun(runId: "r") { ... on RunPayload { run { metrics(names: ["train/loss"]) { last } } } } }';
    const { result } = await graphql.invoke(httpEvent({ headers, body: JSON.stringify({ query }) }));
    expect(JSON.parse((result as { body: string }).body)).toEqual({
      data: { cancelRun: { run: { metrics: [{ last: 0.5 }] } } },
    });
    expect([await waiting(reconcile), await waiting(live)]).toEqual([1, 1]);

    const socket = await start('socket');
    const opening = { ...headers, 'Sec-WebSocket-Protocol': 'graphql-transport-ws' };
    const opened = await socket.invoke(webSocketEvent({ routeKey: '$connect', connectionId: 'c', headers: opening }));
    expect(opened.result).toMatchObject({ statusCode: 200 });
    expect(await records.database.selectFrom('connection').select(['id', 'viewer_role']).execute()).toEqual([
      { id: 'c', viewer_role: 'editor' },
    ]);
    await records.database.destroy();
    for (const which of ['batch-events', 'reconcile'] as const) await start(which);
  }, 240_000);
});
