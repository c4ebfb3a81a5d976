import type { Kysely } from 'kysely';
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
  const rows = await database
    .selectFrom('epoch_metric')
    .innerJoin('run', 'run.id', 'epoch_metric.run_id')
    .select(['epoch_metric.run_id', 'epoch_metric.epoch', 'epoch_metric.elapsed_seconds'])
    .select(['epoch_metric.name', 'epoch_metric.value'])
    .where('run.experiment_id', 'in', experimentIds)
    .$if(states !== undefined, (query) => query.where('run.state', 'in', states!))
    .where('epoch_metric.name', 'in', names)
    .orderBy('epoch_metric.run_id')
    .orderBy('epoch_metric.epoch')
    .execute();
  const evaluations = new Map<string, (Evaluation & { values: Record<string, number> })[]>();
  for (const { run_id, epoch, elapsed_seconds, name, value } of rows) {
    const ofRun = evaluations.get(run_id) ?? [];
    evaluations.set(run_id, ofRun);
    if (ofRun.at(-1)?.epoch !== epoch) ofRun.push({ epoch, elapsedSeconds: elapsed_seconds, values: {} });
    ofRun.at(-1)!.values[name] = value;
  }
  return evaluations;
}
