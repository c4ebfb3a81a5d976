import { s3ObjectStore } from '../../contract/objects/s3';
import { claimObjects } from '../team/claim-objects';
import { bucketOf, type FunctionPlace, openFunctionRecords, type Stores } from './records';

/**
 * Opens records and objects for as long as the process lives.
 * @param mayClaim whether the function may write the object that says whose the objects are
 * @throws Error saying what stands against it
 */
export async function openStores(place: FunctionPlace, mayClaim = false): Promise<Stores> {
  const stores = { ...(await openFunctionRecords(place)), objects: s3ObjectStore(bucketOf(place)) };
  const refusal = await claimObjects(stores, `s3://${place.bucket}`, mayClaim);
  if (refusal !== null) throw new Error(refusal);
  return stores;
}
