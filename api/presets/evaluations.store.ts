import type { Kysely } from 'kysely';
import type { RunState, Tables } from '../database/tables';
import { selectByOf } from '../definition/definition';
import { type Evaluation, findEvaluations } from '../metrics/evaluations.store';

type Database = Kysely<Tables>;

/** A run with everything its tables are made of. */
export interface EvaluatedRun {
  id: string;
  variant: string;
  method: string;
  seed: number;
  state: RunState;
  /** The metric that selects its model. */
  selectBy: string;
  /** In ascending order; of a run that has not succeeded as well. */
  evaluations: Evaluation[];
}

/** All runs of an experiment in the order of their positions, with some metrics of their evaluations and the selecting one. */
export async function findEvaluatedRuns(
  database: Database,
  { id: experimentId, definition }: { id: string; definition: string },
  names: readonly string[],
): Promise<EvaluatedRun[]> {
  const selectBy = selectByOf(definition);
  const runs = await database
    .selectFrom('run')
    .select(['id', 'variant', 'method', 'seed', 'state'])
    .where('experiment_id', '=', experimentId)
    .orderBy('position')
    .execute();
  const evaluations = await findEvaluations(database, [experimentId], [...new Set([...names, selectBy])]);
  return runs.map((run) => ({ ...run, selectBy, evaluations: evaluations.get(run.id) ?? [] }));
}
