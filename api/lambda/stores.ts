import { s3ObjectStore } from '../../contract/objects/s3';
import { bucketOf, type FunctionPlace, openFunctionRecords, type Stores } from './records';

/** Opens records and objects for as long as the process lives. @throws Error saying what stands against it */
export async function openStores(place: FunctionPlace): Promise<Stores> {
  return { ...(await openFunctionRecords(place)), objects: s3ObjectStore(bucketOf(place)) };
}
