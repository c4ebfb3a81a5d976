import { s3ObjectReader } from '../../contract/objects/s3-reader';
import { bucketOf, type FunctionPlace, openFunctionRecords, type Stores } from './records';

/** As `openStores`, for a function that changes no object: its role may not, and its code cannot. */
export async function openStoresForReading(place: FunctionPlace): Promise<Stores> {
  const refuse = async () => {
    throw new Error('this function reads objects and changes none');
  };
  const objects = { ...s3ObjectReader(bucketOf(place)), write: refuse, delete: refuse };
  return { ...(await openFunctionRecords(place)), objects };
}
