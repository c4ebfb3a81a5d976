import { findData, NoSource } from '../../client/data-folder';
import { describeWithMoto } from '../testkit/moto-server';
import { useTestFolder } from '../testkit/test-folder';

const folder = useTestFolder();
const refusal = (place: string, others: { teacher?: string; vectors?: string } = {}): Promise<string> =>
  findData(place, others).then(
    () => 'nothing is wrong',
    (error) => (error instanceof NoSource ? error.message : String(error)),
  );

test('a folder with one train and one test file is enough, whatever lies beside them', async () => {
  const [train, valid] = [folder.write('sent_train.csv', ''), folder.write('sent_valid.jsonl', '')];
  folder.write('train.txt', '');
  expect(await findData(folder.path(), { teacher: 'hf:owner/name' })).toEqual({ train, test: valid });
});

test('everything that is not there is told at once', async () => {
  expect((await refusal('/nowhere', { teacher: '/no/bert', vectors: '/no/glove.txt' })).split('\n')).toEqual([
    '--data: there is no folder /nowhere',
    '--teacher: there is no /no/bert/config.json',
    '--vectors: there is no /no/glove.txt',
  ]);
});

test('a folder with no file of a kind, or with several, says which it holds', async () => {
  const at = folder.path();
  expect(await refusal(at)).toMatch(/one train file.*found no file at all\n.*one test file.*found no file at all/);
  for (const name of ['train-1.csv', 'train-2.csv']) folder.write(name, '');
  expect((await refusal(at)).split('\n')).toEqual([
    `--data: ${at} must hold one train file, .csv or .jsonl with train in its name; found train-1.csv, train-2.csv`,
    `--data: ${at} must hold one test file, .csv or .jsonl with test or valid in its name; found none among train-1.csv, train-2.csv`,
  ]);
});

describeWithMoto('a folder on S3', (moto) => {
  beforeAll(() => {
    process.env.AWS_ENDPOINT_URL = moto().endpoint;
  });
  afterAll(() => {
    delete process.env.AWS_ENDPOINT_URL;
  });
  const put = (bucket: string, key: string) =>
    fetch(`${moto().endpoint}/${bucket}/${key}`, { method: 'PUT', body: 'x' });

  test('is looked through like one of this machine, without what lies deeper', async () => {
    const bucket = await moto().createBucket();
    for (const key of ['data/train.csv', 'data/test.csv', 'data/old/train.csv', 'data-2/train.csv', 'bert/config.json'])
      await put(bucket, key);
    expect(await findData(`s3://${bucket}/data/`, { teacher: `s3://${bucket}/bert` })).toEqual({
      train: `s3://${bucket}/data/train.csv`,
      test: `s3://${bucket}/data/test.csv`,
    });
  });

  test('without a file, and a missing bucket, are reported', async () => {
    const bucket = await moto().createBucket();
    await put(bucket, 'train.csv');
    const place = `s3://${bucket}`;
    expect((await refusal(place, { teacher: `${place}/bert` })).split('\n')).toEqual([
      `--teacher: there is no ${place}/bert/config.json`,
      `--data: ${place} must hold one test file, .csv or .jsonl with test or valid in its name; found none among train.csv`,
    ]);
    expect(await refusal('s3://no-such-bucket-here/data')).toMatch(/^--data: .*no-such-bucket-here/);
  });
});
