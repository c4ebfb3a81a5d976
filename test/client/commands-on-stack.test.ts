import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Api, connect } from '../../client/graphql';
import { graphql } from '../../client/operation';
import { insertExperiment, type TestServices, useTestServices } from '../testkit/api-services';
import { insertEvaluatedRun, writeTestPredictions } from '../testkit/evaluated-run';
import { describeWithMoto } from '../testkit/moto-server';
import { type PageStack, startPageStack } from '../testkit/page-stack';
import { eventually } from '../testkit/test-runner';
import { startTokenIssuer, type TokenIssuer } from '../testkit/token-issuer';
import { writeAttempt } from '../testkit/written-run';

let stack: PageStack;
let issuer: TokenIssuer;
// Before the hooks of the records, which the stack needs to its end.
afterEach(async () => {
  await stack.close();
  await issuer.close();
});
const testServices = useTestServices();
let services: TestServices;
beforeEach(async () => {
  services = testServices();
  issuer = await startTokenIssuer();
  stack = await startPageStack(services, { issuer });
});

/** A command as somebody types it who has a token and the address of the dashboard. */
async function run(program: string, words: string[], more: Record<string, string> = {}) {
  const env: NodeJS.ProcessEnv = { ...process.env, STILLHOUSE_TOKEN: issuer.token(), ...more };
  const all = ['--import', 'tsx', join(program, `${program}.ts`), ...words, '--server', stack.url];
  return promisify(execFile)(process.execPath, all, { cwd: join(__dirname, '../..'), env }).then(
    (output) => ({ code: 0, ...output }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

describe('a command, run as a process on the stack', () => {
  const labels = Int32Array.from({ length: 100 }, (_, row) => row % 2);

  beforeEach(async () => {
    await insertExperiment(services, {
      name: 'Is kd better?',
      state: 'draft',
      definition: JSON.stringify({ variants: [], seeds: [0, 1, 2], data: {} }),
    });
    for (const [variant, wrong] of Object.entries({ scratch: [20, 21, 22], kd: [10, 12, 11] }))
      for (const [seed, errors] of wrong.entries()) {
        const id = `${variant}-${seed}`;
        const given = { group_id: variant, method: variant, seed };
        await insertEvaluatedRun(services, id, given, [{ epoch: 1, seconds: 2, dev: 0.9, test: 1 - errors / 100 }]);
        await services.database
          .insertInto('epoch_metric')
          .values({
            run_id: id,
            epoch: 1,
            step: 10,
            elapsed_seconds: 2,
            name: 'test/macro-f1',
            value: 1 - errors / 100,
          })
          .execute();
        await writeAttempt(services.objects, id, 1, null);
        const predicted = labels.map((label, row) => (row < errors ? 1 - label : label));
        await writeTestPredictions(services.objects, id, 1, { labels, predicted, classes: ['bad', 'good'] });
      }
  });

  it('compares', async () => {
    const { code, stdout, stderr } = await run('compare', ['Is kd better?', '--metric', 'test/accuracy', '--json']);
    expect([code, stderr]).toEqual([0, '']);
    const { groups } = JSON.parse(stdout);
    const means = groups.map(({ name, mean }: { name: string; mean: number }) => [name, mean.toFixed(2)]);
    expect(means.sort()).toEqual([
      ['kd', '0.89'],
      ['scratch', '0.79'],
    ]);
  });

  it('writes the report', async () => {
    const output = join(services.folder, 'report.html');
    const { code, stdout, stderr } = await run('report', ['Is kd better?', '--output', output]);
    expect([code, stdout, stderr]).toEqual([0, `written: ${output}\n`, '']);
    expect(readFileSync(output, 'utf8')).toContain('Is kd better?');
  });

  it('exports runs as text and as Parquet', async () => {
    const outputs = ['csv', 'parquet'].map((format) => join(services.folder, `runs.${format}`));
    const ends = await Promise.all(outputs.map((output) => run('export', ['runs', '--output', output])));
    for (const [place, end] of ends.entries())
      expect(end).toMatchObject({ code: 0, stdout: `6 rows in ${outputs[place]}\n` });
    const [csv, parquet] = outputs.map((output) => readFileSync(output));
    for (const name of ['scratch-0', 'kd-2']) expect(csv!.toString()).toContain(name);
    expect([parquet!.subarray(0, 4), parquet!.subarray(-4)].map(String)).toEqual(['PAR1', 'PAR1']);
  });

  it('says what to do about an expired token, and leaves no file behind', async () => {
    const output = join(services.folder, 'runs.csv');
    const token = issuer.token({ exp: 1 });
    const { code, stderr } = await run('export', ['runs', '--output', output, '--token', token]);
    expect([code, existsSync(output)]).toEqual([1, false]);
    expect(stderr).toMatch(/the token expired at 1970-01-01.*Give a token by --token or STILLHOUSE_TOKEN/s);
  });
});

describeWithMoto('npm run experiment on the stack', (moto) => {
  let api: Api;
  afterEach(() => api.close());

  it('launches runs on data in S3, follows them, and says how they ended', async () => {
    api = connect(stack.url, issuer.token());
    const { endpoint } = moto();
    await fetch(`${endpoint}/${stack.bucket}`, { method: 'PUT' });
    for (const key of ['data/train.csv', 'data/test.csv', 'bert/config.json'])
      await fetch(`${endpoint}/${stack.bucket}/${key}`, { method: 'PUT', body: '{}' });
    const words = ['E4', '--data', `s3://${stack.bucket}/data`, '--teacher', `s3://${stack.bucket}/bert`];
    const ended = run('experiment', [...words, '--seeds', '1', '--name', 'on the stack', '--exit'], {
      AWS_ENDPOINT_URL: endpoint,
    });
    const found = () =>
      services.database.selectFrom('experiment').select('id').where('name', '=', 'on the stack').executeTakeFirst();
    await eventually('it is launched', async () => (await found()) !== undefined);
    // Nobody carries out runs here: they end by being cancelled, which the command hears of over the WebSocket API.
    await eventually('it is followed', async () =>
      stack.live.gateway.posts.some(({ message }) => message.type === 'next'),
    );
    const cancel = graphql('mutation Cancel($id: ID!) { cancelExperiment(id: $id) { __typename } }');
    await api.request(cancel, { id: (await found())!.id });
    const { code, stdout, stderr } = await ended;
    expect([code, stderr]).toEqual([1, expect.stringMatching(/scratch seed 0: CANCELLED/)]);
    expect(stdout).toContain(`${stack.url}#/experiments/${(await found())!.id}`);
  }, 60_000);

  it('is refused data of this machine, with the command that copies them', async () => {
    api = connect(stack.url, issuer.token());
    const { folder } = services;
    mkdirSync(join(folder, 'local'));
    for (const name of ['train.csv', 'test.csv']) writeFileSync(join(folder, 'local', name), 'text,label\na,b\n');
    const { code, stderr } = await run('experiment', [
      ...['E4', '--data', join(folder, 'local'), '--teacher', 'hf:prajjwal1/bert-tiny', '--exit'],
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain(`aws s3 cp ${join(folder, 'local', 'train.csv')} s3://${stack.bucket}/data/`);
  }, 60_000);
});
