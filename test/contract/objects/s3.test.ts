import { s3ObjectStore } from '../../../contract/objects/s3';
import { describeWithMoto, type MotoServer } from '../../testkit/moto-server';
import { objectStoreConformance } from '../../testkit/object-store-conformance';

describeWithMoto('S3', (moto) => {
  objectStoreConformance('S3', async () => s3ObjectStore(await bucketOf(moto())));
  objectStoreConformance('a part of a bucket', async () =>
    s3ObjectStore({ ...(await bucketOf(moto())), prefix: 'team-1/still.house/' }),
  );
});

async function bucketOf(moto: MotoServer) {
  return { bucket: await moto.createBucket(), prefix: '', endpoint: moto.endpoint, region: null };
}
