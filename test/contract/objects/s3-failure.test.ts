import { s3ObjectStore } from '../../../contract/objects/s3';
import { explainS3Failure } from '../../../contract/objects/s3-failure';

const place = { bucket: 'team', prefix: '', endpoint: null, region: null };

test('without a region, which the SDK tells by a message alone, it says which settings there are', async () => {
  const kept = { AWS_REGION: process.env.AWS_REGION, AWS_CONFIG_FILE: process.env.AWS_CONFIG_FILE };
  delete process.env.AWS_REGION;
  process.env.AWS_CONFIG_FILE = '/nowhere';
  const failure = await s3ObjectStore(place)
    .read('key')
    .catch((error: Error) => error.message);
  for (const [name, value] of Object.entries(kept))
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  expect(failure).toBe(
    'cannot read object "key" in s3://team/: set AWS_REGION to that of the bucket, or AWS_ENDPOINT_URL_S3 to the address of another storage (Region is missing)',
  );
});

test('another failure without an answer of the storage names its address', () => {
  const error = explainS3Failure(new Error('socket hang up'), 'key', 'read', { ...place, endpoint: 'http://there' });
  expect((error as Error).message).toContain(
    'see that http://there is that of a storage that speaks S3 (socket hang up)',
  );
});
