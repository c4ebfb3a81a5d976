import { checkpointKey, resultKey } from '../../../contract/keys';
import { s3ObjectStore, tagsOf } from '../../../contract/objects/s3';
import type { S3Bucket } from '../../../contract/objects/s3-location';
import { describeWithMoto, type MotoServer } from '../../testkit/moto-server';
import { objectStoreConformance } from '../../testkit/object-store-conformance';

const newBucket = async (moto: MotoServer): Promise<S3Bucket> => ({
  bucket: await moto.createBucket(),
  prefix: '',
  endpoint: moto.endpoint,
  region: null,
});

describeWithMoto('S3', (moto) => {
  objectStoreConformance('S3', async () => s3ObjectStore(await newBucket(moto())));
  objectStoreConformance('a part of a bucket', async () =>
    s3ObjectStore({ ...(await newBucket(moto())), prefix: 'team-1/still.house/' }),
  );
});

describe('tags', () => {
  const onAws: S3Bucket = { bucket: 'bucket', prefix: '', endpoint: null, region: null };

  test('mark checkpoints on AWS, by which a bucket forgets the old ones, and nothing else', () => {
    expect(tagsOf(onAws, checkpointKey('run', 7, 'student.safetensors'))).toEqual({ Tagging: 'stillhouse=checkpoint' });
    expect(tagsOf(onAws, resultKey('run'))).toEqual({});
    expect(tagsOf({ ...onAws, endpoint: 'http://storage' }, checkpointKey('run', 7, 'state.json'))).toEqual({});
  });
});
