import type { MigrationRequest } from '../../contract/aws';
import { grantAccess } from '../database/grants';
import { readEnvironment } from './environment';
import { openRecords } from './records';

const environment = readEnvironment('migrate');

/** A custom resource's event, or an empty one by hand. */
interface MigrateEvent {
  RequestType?: 'Create' | 'Update' | 'Delete';
  ResourceProperties?: MigrationRequest;
}

/** Brings the records to the newest schema and lets the functions in. Doing so again changes nothing; nothing is undone. */
export async function handler({
  RequestType,
  ResourceProperties,
}: MigrateEvent): Promise<{ PhysicalResourceId: string }> {
  const answer = { PhysicalResourceId: 'records' };
  if (RequestType === 'Delete') return answer;
  const records = await openRecords(environment, true);
  if (records.kind === 'refused') throw new Error(records.message);
  try {
    if (ResourceProperties?.role !== undefined) await grantAccess(records.database, ResourceProperties);
  } finally {
    await records.database.destroy();
  }
  return answer;
}
