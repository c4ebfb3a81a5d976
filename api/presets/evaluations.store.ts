import type { Kysely } from 'kysely';
import type { RunState, Tables } from '../database/tables';

type Database = Kysely<Tables>;

/** The evaluation that closed an epoch, by the names of its metrics. */
export interface Evaluation {
  epoch: number;
  elapsedSeconds: number;
  values: Readonly<Record<string, number>>;
}

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
  const rows = await database
    .selectFrom('epoch_metric')
    .innerJoin('run', 'run.id', 'epoch_metric.run_id')
    .select(['epoch_metric.run_id', 'epoch_metric.epoch', 'epoch_metric.elapsed_seconds'])
    .select(['epoch_metric.name', 'epoch_metric.value'])
    .where('run.experiment_id', '=', experimentId)
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
  return runs.map((run) => ({ ...run, evaluations: evaluations.get(run.id) ?? [] }));
}
