import { type Kysely, sql } from 'kysely';
import type { RunState, Tables } from '../database/tables';

/** The evaluation that closed an epoch, by the names of its metrics. */
export interface Evaluation {
  epoch: number;
  elapsedSeconds: number;
  values: Readonly<Record<string, number>>;
}

/**
 * Some metrics of the evaluated epochs of every run of some experiments, by run and in ascending order.
 * @param states only of runs in these; of all when left out
 */
export async function findEvaluations(
  database: Kysely<Tables>,
  experimentIds: readonly string[],
  names: readonly string[],
  states?: readonly RunState[],
): Promise<Map<string, Evaluation[]>> {
  const evaluations = new Map<string, Evaluation[]>();
  for (const row of await findEvaluationRows(database, experimentIds, names, states)) {
    const values: Record<string, number> = {};
    for (const [place, name] of names.entries()) {
      const value = row[`value_${place}`];
      if (value != null) values[name] = value;
    }
    const evaluation = { epoch: row.epoch, elapsedSeconds: row.elapsed_seconds, values };
    const ofRun = evaluations.get(row.run_id);
    if (ofRun === undefined) evaluations.set(row.run_id, [evaluation]);
    else ofRun.push(evaluation);
  }
  return evaluations;
}

/**
 * The same as rows, one an epoch, with `value_0` as the value of the first name. What a driver makes of a row takes
 * longer than finding it, so there are no more of them.
 */
export function findEvaluationRows(
  database: Kysely<Tables>,
  experimentIds: readonly string[],
  names: readonly string[],
  states?: readonly RunState[],
) {
  return database
    .selectFrom('epoch_metric')
    .innerJoin('run', 'run.id', 'epoch_metric.run_id')
    .select(['epoch_metric.run_id', 'epoch_metric.epoch'])
    .select((build) => build.fn.min('epoch_metric.elapsed_seconds').as('elapsed_seconds'))
    .select(names.map(metricValue))
    .where('run.experiment_id', 'in', experimentIds)
    .$if(states !== undefined, (query) => query.where('run.state', 'in', states!))
    .where('epoch_metric.name', 'in', names)
    .groupBy(['epoch_metric.run_id', 'epoch_metric.epoch'])
    .orderBy('epoch_metric.run_id')
    .orderBy('epoch_metric.epoch')
    .execute();
}

/** The value of one metric among the rows of an epoch; null where it has none. */
const metricValue = (name: string, place: number) =>
  sql<
    number | null
  >`max(case when ${sql.ref('epoch_metric.name')} = ${name} then ${sql.ref('epoch_metric.value')} end)`.as(
    `value_${place}` as const,
  );
