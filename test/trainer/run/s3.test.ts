import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkpointsPrefix, exitCodes } from '../../../contract/keys';
import { directoryObjectStore } from '../../../contract/objects/directory';
import type { ObjectStore } from '../../../contract/objects/object-store';
import { s3ObjectStore } from '../../../contract/objects/s3';
import { listKeys } from '../../../trainer/checkpoint/list-keys';
import { describeWithMoto } from '../../testkit/moto-server';
import { useTestFolder } from '../../testkit/test-folder';
import { tinyRun } from '../../testkit/tiny-runs';
import { outcomeOf, readEnds, runTrainer, startTrainer, writeSpec } from '../../testkit/trainer-process';

/** Half a dozen starts of a process, each a second or two of a core. */
jest.setTimeout(180_000);

describeWithMoto('the trainer on S3', (moto) => {
  const folder = useTestFolder();
  let bucket: string;
  let objects: ObjectStore;
  beforeEach(async () => {
    bucket = await moto().createBucket();
    objects = s3ObjectStore({ bucket, prefix: 'team/', endpoint: moto().endpoint, region: null });
  });
  const start = (words: string[], environment = {}) =>
    startTrainer(folder.path(), [...words, '--objects', `s3://${bucket}/team`], {
      ...moto().environment,
      ...environment,
    });

  it('trains on data and a teacher in buckets, is killed and stopped, and ends as on one machine undisturbed', async () => {
    const finetune = tinyRun(folder.path(), 'finetune');
    expect(await start([writeSpec(folder.path(), finetune)]).exit).toMatchObject({ code: exitCodes.succeeded });
    await copyTo(folder.path(), objects);
    for (const split of ['train', 'test'] as const)
      await objects.write(`data/${split}.csv`, readFileSync(finetune.data[split]));
    const here = tinyRun(folder.path(), 'kd', {
      runId: 'here',
      teacher: { kind: 'folder', location: join(folder.path(), 'objects/runs/finetune/model') },
    });
    const inBucket = tinyRun(folder.path(), 'kd', {
      runId: 'in-bucket',
      data: { ...here.data, train: `s3://${bucket}/team/data/train.csv`, test: `s3://${bucket}/team/data/test.csv` },
      teacher: { kind: 'folder', location: `s3://${bucket}/team/runs/finetune/model` },
      execution: { checkpointSeconds: 0 },
    });

    const killed = start([writeSpec(folder.path(), inBucket)]);
    await killed.wrote(2, /checkpoints.*state/);
    killed.child.kill('SIGKILL');
    await killed.exit;
    const stopped = start(['--run', 'in-bucket']);
    await stopped.wrote(2, /checkpoints.*state/);
    stopped.child.kill('SIGTERM');
    const { code, milliseconds } = await stopped.exit;
    const resumed = await start(['--run', 'in-bucket']).exit;

    expect(code).toBe(exitCodes.interrupted);
    expect(milliseconds).toBeLessThan(60_000);
    expect(resumed).toMatchObject({ code: exitCodes.succeeded });
    // The kept checkpoints alone, as in a folder.
    const states = (await listKeys(objects, checkpointsPrefix('in-bucket'))).filter((key) =>
      key.endsWith('state.json'),
    );
    expect(states).toHaveLength(2);
    await copyTo(folder.path(), objects);
    expect(await runTrainer(folder.path(), here)).toMatchObject({ code: exitCodes.succeeded });
    expect(await outcomeOf(folder.path(), 'in-bucket')).toEqual(await outcomeOf(folder.path(), 'here'));
    expect(readEnds(folder.path(), 'in-bucket')).toMatchObject({
      2: { outcome: 'interrupted' },
      3: { outcome: 'succeeded' },
    });
  });

  it('tells of all inputs at once that are not in their buckets', async () => {
    const run = tinyRun(folder.path(), 'kd', {
      data: { train: `s3://${bucket}/no.csv`, test: 's3://nobody-made-this/test.csv' },
      teacher: { kind: 'folder', location: `s3://${bucket}/no-teacher` },
    });
    const exit = await start([writeSpec(folder.path(), run)]).exit;

    expect(exit.code).toBe(exitCodes.input);
    for (const name of ['no.csv', 'test.csv', 'no-teacher']) expect(exit.stderr).toContain(name);
  });

  it('says in one line that the storage is not there, or has no such bucket', async () => {
    const spec = writeSpec(folder.path(), tinyRun(folder.path(), 'scratch'));
    const dead = await start([spec], { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }).exit;
    expect(dead.code).toBe(exitCodes.resources);
    expect(linesOf(dead.stderr)).toEqual([
      expect.stringMatching(
        /^cannot write object .* nothing answers at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*after 6 tries\)$/,
      ),
    ]);

    const elsewhere = startTrainer(folder.path(), [spec, '--objects', 's3://nobody-made-this'], moto().environment);
    expect(linesOf((await elsewhere.exit).stderr)).toEqual([
      expect.stringMatching(/the bucket does not exist: create it/),
    ]);
    const nonsense = startTrainer(folder.path(), [spec, '--objects', 's3://No Bucket'], moto().environment);
    expect((await nonsense.exit).stderr).toMatch(/^--objects must be a folder, or as in s3:\/\/bucket/);
  });
});

/** What the process said, without what the AWS SDK says of older versions of Node.js. */
const linesOf = (stderr: string): string[] =>
  stderr
    .replace(/\(node:\d+\) Warning: NodeVersionSupportWarning[\s\S]*?\(Use `node [^\n]*\n/, '')
    .trim()
    .split('\n');

/** Copies all objects into the folder's own store. */
async function copyTo(folder: string, objects: ObjectStore): Promise<void> {
  const copies = directoryObjectStore(join(folder, 'objects'));
  for (const key of await listKeys(objects, '')) await copies.write(key, (await objects.read(key))!);
}
