import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ObjectStore } from '../../../contract/objects/object-store';
import { s3ObjectStore } from '../../../contract/objects/s3';
import { locateFile } from '../../../trainer/sources/input-file';
import { modelFolder } from '../../../trainer/sources/model-folder';
import type { InputSources } from '../../../trainer/sources/sources';
import { type FaultyProxy, startFaultyProxy } from '../../testkit/faulty-proxy';
import { describeWithMoto } from '../../testkit/moto-server';
import { useTestFolder } from '../../testkit/test-folder';

describeWithMoto('inputs in a bucket', (moto) => {
  const folder = useTestFolder();
  let proxy: FaultyProxy;
  let bucket: string;
  let objects: ObjectStore;
  let sources: InputSources;
  beforeAll(async () => {
    proxy = await startFaultyProxy(moto().endpoint);
  });
  afterAll(() => proxy.stop());
  beforeEach(async () => {
    proxy.reset();
    bucket = await moto().createBucket();
    objects = s3ObjectStore({ bucket, prefix: '', endpoint: moto().endpoint, region: null });
    sources = { cacheDirectory: folder.path(), s3: { endpoint: proxy.endpoint, region: null } };
  });
  const locate = (key: string) => locateFile(`s3://${bucket}/${key}`, 'dataset', sources);
  const read = async (key: string): Promise<string> => {
    const file = await locate(key);
    return file.kind === 'found' ? readFileSync(file.path, 'utf8') : `${file.kind}: ${file.message}`;
  };
  const downloads = () => proxy.requests.filter((line) => line.startsWith('GET'));

  test('are downloaded once, and anew when they were overwritten', async () => {
    await objects.write('data/train.csv', 'first');
    const file = await locate('data/train.csv');
    expect(await read('data/train.csv')).toBe('first');
    expect(downloads()).toHaveLength(1);

    await objects.write('data/train.csv', 'second');
    expect(await read('data/train.csv')).toBe('second');
    expect(downloads()).toHaveLength(2);
    expect(file.kind === 'found' && readFileSync(file.path, 'utf8')).toBe('first');
  });

  test('are never taken half, nor for a version that they are not', async () => {
    await objects.write('train.csv', 'x'.repeat(100_000));
    proxy.plan(/^GET/, ...Array(6).fill({ kind: 'short body', bytes: 10 }));
    expect(await read('train.csv')).toMatch(/^unavailable: cannot read object "train.csv"/);

    proxy.plan(/^GET/, { kind: 'meanwhile', does: () => objects.write('train.csv', 'y'.repeat(100_000)) });
    expect(await read('train.csv')).toMatch(/^unavailable: .* was overwritten meanwhile: start again/);
    expect(await read('train.csv')).toBe('y'.repeat(100_000));
  });

  test('that are not there are told of, with their bucket or by their name', async () => {
    expect(await read('nothing.csv')).toBe(
      `absent: there is no object "s3://${bucket}/nothing.csv": check its spelling`,
    );
    expect(await locateFile('s3://nobody-made-this/train.csv', 'dataset', sources)).toMatchObject({ kind: 'absent' });
    expect(await read('two words.csv')).toMatch(/^unavailable: .*"two words.csv" is not allowed/);
    expect(await locateFile('s3://Capitals/train.csv', 'dataset', sources)).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('"s3://Capitals" is not of the form s3://bucket/path'),
    });
  });

  test('may be the folder of a teacher, of which all that is missing is told', async () => {
    const location = `s3://${bucket}/models/tiny`;
    expect(await modelFolder(location, sources)).toMatchObject({
      kind: 'invalid',
      problems: [
        {
          path: 'teacher.location',
          message: expect.stringMatching(/has no config.json and no model.safetensors: a teacher is/),
        },
      ],
    });
    for (const name of ['config.json', 'vocab.txt', 'model.safetensors'])
      await objects.write(`models/tiny/${name}`, name);

    const found = await modelFolder(location, sources);
    if (found.kind === 'invalid') throw new Error(JSON.stringify(found.problems));
    expect(readFileSync(join(found.value, 'model.safetensors'), 'utf8')).toBe('model.safetensors');
    expect(await modelFolder(location, sources)).toEqual(found);
    expect(downloads()).toHaveLength(3);
  });
});
