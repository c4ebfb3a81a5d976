import type { Kysely } from 'kysely';
import type { Tables } from '../database/tables';

/** A run that was trained to the end, as far as it tells what others will take. */
export interface EarlierRun {
  spec: string;
  elapsedSeconds: number;
  cost: number | null;
}

/** The newest runs of a method that were trained to the end. */
export async function findEarlierRuns(database: Kysely<Tables>, method: string, limit: number): Promise<EarlierRun[]> {
  const rows = await database
    .selectFrom('run')
    .select(['spec', 'elapsed_seconds', 'cost'])
    .where('method', '=', method)
    .where('state', '=', 'SUCCEEDED')
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ spec, elapsed_seconds, cost }) => ({ spec, elapsedSeconds: elapsed_seconds, cost }));
}
