import {
  BatchClient,
  CreateComputeEnvironmentCommand,
  CreateJobQueueCommand,
  DescribeJobsCommand,
  RegisterJobDefinitionCommand,
} from '@aws-sdk/client-batch';
import { reconcileBatch } from '../../../api/launcher/batch';
import { type Batch, connectBatch } from '../../../api/launcher/batch-connection';
import { batchDefaults } from '../../../api/launcher/batch-settings';
import { insertExperiment, insertRun, readRun, type TestServices, useTestServices } from '../../testkit/api-services';
import { describeWithMoto } from '../../testkit/moto-server';
import { writeResult } from '../../testkit/written-run';

/**
 * Another implementation of Batch's interface than the fake of the other tests: names, definitions, queues and filters
 * are checked by it. Without Docker it ends every job at once, so lives and faults are left to the fake.
 */
describeWithMoto('Batch, as moto has it', (moto) => {
  const testServices = useTestServices();
  let services: TestServices;
  let batch: Batch;

  beforeEach(async () => {
    services = testServices();
    await insertExperiment(services);
    const { endpoint } = moto();
    await fetch(`${endpoint}/moto-api/reset`, { method: 'POST' });
    const noDocker = JSON.stringify({ batch: { use_docker: false } });
    await fetch(`${endpoint}/moto-api/config`, { method: 'POST', body: noDocker });
    await buildStack(endpoint);
    const queues = new Map([['g5:spot', 'g5-spot'] as const]);
    batch = connectBatch({ ...batchDefaults, jobDefinition: 'trainer', queues, endpoint });
  });

  it('takes the jobs of ready runs, and tells of them by their ids', async () => {
    for (const id of ['seed-0', 'seed-1', 'alone']) await insertRun(services, id, { group_id: id.slice(0, 4) });
    await reconcileBatch(services, batch);
    const jobs = await services.database.selectFrom('batch_job').selectAll().orderBy('size').execute();
    expect(jobs).toMatchObject([
      { name: 'alone-r1', size: 1, job_id: expect.any(String) },
      { name: 'seed-0-r1', size: 2, job_id: expect.any(String) },
    ]);
    const ids = [jobs[0]!.job_id!, `${jobs[1]!.job_id}:0`, `${jobs[1]!.job_id}:1`];
    const described = await batch.client.send(new DescribeJobsCommand({ jobs: ids }));
    expect(described.jobs?.map(({ jobName }) => jobName).sort()).toEqual(['alone-r1', 'seed-0-r1', 'seed-0-r1']);

    for (const id of ['seed-0', 'seed-1', 'alone']) await writeResult(services.objects, id);
    await reconcileBatch(services, batch);
    for (const id of ['seed-0', 'seed-1', 'alone'])
      expect(await readRun(services, id)).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('finds a job by its name whose submission was never answered', async () => {
    await insertRun(services, 'alone');
    await reconcileBatch(services, batch);
    const { job_id } = await services.database.selectFrom('batch_job').selectAll().executeTakeFirstOrThrow();
    const long = new Date(0).toISOString();
    await services.database.updateTable('batch_job').set({ job_id: null, sending_at: long }).execute();
    await writeResult(services.objects, 'alone');
    await reconcileBatch(services, batch);
    const found = await services.database.selectFrom('batch_job').selectAll().execute();
    expect(found).toMatchObject([{ job_id }]);
    expect(await readRun(services, 'alone')).toMatchObject({ state: 'SUCCEEDED' });
  });
});

/** As much of the stack as a job needs. */
async function buildStack(endpoint: string): Promise<void> {
  const client = new BatchClient({ endpoint });
  const role = await createRole(endpoint);
  const environment = await client.send(
    new CreateComputeEnvironmentCommand({ computeEnvironmentName: 'gpus', type: 'UNMANAGED', serviceRole: role }),
  );
  await client.send(
    new CreateJobQueueCommand({
      jobQueueName: 'g5-spot',
      priority: 1,
      state: 'ENABLED',
      computeEnvironmentOrder: [{ order: 1, computeEnvironment: environment.computeEnvironmentArn }],
    }),
  );
  await client.send(
    new RegisterJobDefinitionCommand({
      jobDefinitionName: 'trainer',
      type: 'container',
      containerProperties: {
        image: 'trainer',
        resourceRequirements: [
          { type: 'VCPU', value: '4' },
          { type: 'MEMORY', value: '15000' },
          { type: 'GPU', value: '1' },
        ],
      },
    }),
  );
}

async function createRole(endpoint: string): Promise<string> {
  const policy = encodeURIComponent(JSON.stringify({ Version: '2012-10-17', Statement: [] }));
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization:
        'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: `Action=CreateRole&Version=2010-05-08&RoleName=batch&AssumeRolePolicyDocument=${policy}`,
  });
  const answer = await response.text();
  const arn = /<Arn>(.*?)<\/Arn>/.exec(answer)?.[1];
  if (arn === undefined) throw new Error(`moto made no role: ${answer}`);
  return arn;
}
