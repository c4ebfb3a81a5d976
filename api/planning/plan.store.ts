import type { Kysely } from 'kysely';
import type { Machine } from '../../contract/records';
import type { Tables } from '../database/tables';

/** A run that was trained to the end, as far as it tells what others will take. */
export interface EarlierRun {
  spec: string;
  elapsedSeconds: number;
  cost: number | null;
  /** null where no type of machine is known. */
  machine: Machine | null;
}

/** The newest runs of a method that were trained to the end. */
export async function findEarlierRuns(database: Kysely<Tables>, method: string, limit: number): Promise<EarlierRun[]> {
  const rows = await database
    .selectFrom('run')
    .leftJoin('attempt', (join) =>
      join.onRef('attempt.run_id', '=', 'run.id').onRef('attempt.number', '=', 'run.attempt'),
    )
    .select(['run.spec', 'run.elapsed_seconds', 'run.cost', 'attempt.instance_type', 'attempt.capacity'])
    .where('run.method', '=', method)
    .where('run.state', '=', 'SUCCEEDED')
    .orderBy('run.created_at', 'desc')
    .orderBy('run.id', 'desc')
    .limit(limit)
    .execute();
  return rows.map(({ spec, elapsed_seconds, cost, instance_type, capacity }) => ({
    spec,
    elapsedSeconds: elapsed_seconds,
    cost,
    machine: instance_type === null ? null : { instanceType: instance_type, capacity },
  }));
}
