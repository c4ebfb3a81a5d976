import type { Services } from '../context/context';
import { openDsql } from '../database/dsql';
import { openPostgres } from '../database/postgres';
import type { OpenedRecords } from '../database/postgres-pool';

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

/** Where a function finds what it works with, and at which prices. */
export interface FunctionPlace extends DatabasePlace {
  bucket: string;
  prices?: ReadonlyMap<string, number>;
}

/** What functions keep open for as long as their process lives. */
export type Stores = Pick<Services, 'database' | 'objects' | 'prices'>;

/** Opens the records of a function that works with them. @throws Error saying what stands against it */
export async function openFunctionRecords(place: FunctionPlace): Promise<Omit<Stores, 'objects'>> {
  const records = await openRecords(place, false);
  if (records.kind === 'refused') throw new Error(records.message);
  const { prices: machines = new Map(), region } = place;
  return { database: records.database, prices: { perHour: null, machines, region } };
}

export const bucketOf = ({ bucket, region }: FunctionPlace) => ({ bucket, prefix: '', endpoint: null, region });
