import { s3ObjectStore } from '../../contract/objects/s3';
import { openDsql } from '../database/dsql';
import { openPostgres } from '../database/postgres';
import type { OpenedRecords } from '../database/postgres-pool';
import type { Services } from '../shared/context';

/** A function answers one request at a time; some requests ask the records two things at once. */
const connections = 2;

export interface DatabasePlace {
  databaseHost: string;
  databaseUser: string;
  region: string;
}

/** Opens the records: an Aurora DSQL cluster, or the PostgreSQL that stands in for one, named by its address. */
export function openRecords(place: DatabasePlace, migrate: boolean): Promise<OpenedRecords> {
  const { databaseHost: host, databaseUser: user, region } = place;
  const options = { connections, migrate };
  return host.startsWith('postgres://') ? openPostgres(host, options) : openDsql({ host, region, user }, options);
}

export type Stores = Pick<Services, 'database' | 'objects' | 'prices'>;

/** Opens records and objects for as long as the process lives. @throws Error saying what stands against it */
export async function openStores(
  place: DatabasePlace & { bucket: string; prices?: ReadonlyMap<string, number> },
): Promise<Stores> {
  const records = await openRecords(place, false);
  if (records.kind === 'refused') throw new Error(records.message);
  const { bucket, region, prices = new Map() } = place;
  const objects = s3ObjectStore({ bucket, prefix: '', endpoint: null, region });
  return { database: records.database, objects, prices: { perHour: null, machines: prices } };
}
