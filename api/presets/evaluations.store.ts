import type { Kysely } from 'kysely';
import type { RunState, Tables } from '../database/tables';
import { type Evaluation, findEvaluations } from '../metrics/evaluations.store';

type Database = Kysely<Tables>;

/** A run with everything its tables are made of. */
export interface EvaluatedRun {
  id: string;
  variant: string;
  method: string;
  seed: number;
  state: RunState;
  /** In ascending order; of a run that has not succeeded as well. */
  evaluations: Evaluation[];
}

/** All runs of an experiment in the order of their positions, with some metrics of their evaluations. */
export async function findEvaluatedRuns(
  database: Database,
  experimentId: string,
  names: readonly string[],
): Promise<EvaluatedRun[]> {
  const runs = await database
    .selectFrom('run')
    .select(['id', 'variant', 'method', 'seed', 'state'])
    .where('experiment_id', '=', experimentId)
    .orderBy('position')
    .execute();
  const evaluations = await findEvaluations(database, [experimentId], names);
  return runs.map((run) => ({ ...run, evaluations: evaluations.get(run.id) ?? [] }));
}
