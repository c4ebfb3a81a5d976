import type { Kysely } from 'kysely';
import type { Tables } from '../database/tables';
import { selectByOf } from '../definition/definition';
import { findEvaluationRows } from '../metrics/evaluations.store';
import { findStoppedEpochs } from '../runs/halving.store';
import type { ComparedRun, EvaluatedEpoch } from './comparison';

type Database = Kysely<Tables>;

/** The experiments among `ids` that exist. */
export async function findExperimentIds(database: Database, ids: readonly string[]): Promise<string[]> {
  const rows = await database.selectFrom('experiment').select('id').where('id', 'in', ids).execute();
  return rows.map(({ id }) => id);
}

/** States of runs that have something to compare. */
const comparedStates = ['SUCCEEDED', 'STOPPED'] as const;

/** All runs of some experiments, in the order of their positions; at most `limit`. */
export async function findComparedRuns(
  database: Database,
  experimentIds: readonly string[],
  limit: number,
): Promise<ComparedRun[]> {
  const rows = await database
    .selectFrom('run')
    .innerJoin('experiment', 'experiment.id', 'run.experiment_id')
    .select(['run.id', 'run.experiment_id', 'experiment.name', 'run.variant', 'run.group_id', 'run.method'])
    .select(['run.seed', 'run.state', 'run.engine', 'run.device', 'run.data_files'])
    .where('run.experiment_id', 'in', experimentIds)
    .orderBy('run.experiment_id')
    .orderBy('run.position')
    .limit(limit)
    .execute();
  const stopped = rows.filter(({ state }) => state === 'STOPPED').map(({ id }) => id);
  const selectBy = await findSelectBy(database, experimentIds);
  const stoppedEpochs = stopped.length === 0 ? new Map() : await findStoppedEpochs(database, stopped);
  return rows
    .map(({ experiment_id, group_id, name, data_files, ...run }) => ({
      ...run,
      stoppedAtEpoch: stoppedEpochs.get(run.id) ?? null,
      experimentId: experiment_id,
      experimentName: name,
      selectBy: selectBy.get(experiment_id)!,
      groupId: group_id,
      dataFiles: data_files,
    }))
    .sort((a, b) => experimentIds.indexOf(a.experimentId) - experimentIds.indexOf(b.experimentId));
}

/** The resolved run specs of some runs, JSON, by id. */
export async function findSpecs(database: Database, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await database.selectFrom('run').select(['id', 'spec']).where('id', 'in', ids).execute();
  return new Map(rows.map(({ id, spec }) => [id, spec]));
}

/** The metric that selects the models of each of some experiments. */
async function findSelectBy(database: Database, experimentIds: readonly string[]): Promise<Map<string, string>> {
  const rows = await database
    .selectFrom('experiment')
    .select(['id', 'definition'])
    .where('id', 'in', experimentIds)
    .execute();
  return new Map(rows.map(({ id, definition }) => [id, selectByOf(definition)]));
}

/** The evaluated epochs of every run that has something to compare, by run and in ascending order. */
export async function findEpochs(
  database: Database,
  runs: readonly ComparedRun[],
  metric: string,
): Promise<Map<string, EvaluatedEpoch[]>> {
  if (runs.length === 0) return new Map();
  const experimentIds = [...new Set(runs.map(({ experimentId }) => experimentId))];
  const names = [...new Set([metric, ...runs.map(({ selectBy }) => selectBy)])];
  const rows = await findEvaluationRows(database, experimentIds, names, comparedStates);
  const columns = new Map(runs.map(({ id, selectBy }) => [id, `value_${names.indexOf(selectBy)}` as const]));
  const epochs = new Map<string, EvaluatedEpoch[]>();
  for (const row of rows) {
    const column = columns.get(row.run_id);
    if (column === undefined) continue;
    const ofRun = epochs.get(row.run_id) ?? [];
    epochs.set(row.run_id, ofRun);
    const [value, selecting] = [row.value_0 ?? null, row[column] ?? null];
    // Runs of another experiment may be selected by a metric that this run has as well.
    if (value === null && selecting === null) continue;
    ofRun.push({ epoch: row.epoch, elapsedSeconds: row.elapsed_seconds, value, selecting });
  }
  return epochs;
}

/** Names of the metrics that such runs of some experiments have at the end of epochs. */
export async function findMetricNames(database: Database, experimentIds: readonly string[]): Promise<string[]> {
  const rows = await database
    .selectFrom('epoch_metric')
    .innerJoin('run', 'run.id', 'epoch_metric.run_id')
    .select('epoch_metric.name')
    .distinct()
    .where('run.experiment_id', 'in', experimentIds)
    .where('run.state', 'in', comparedStates)
    .orderBy('epoch_metric.name')
    .execute();
  return rows.map(({ name }) => name);
}

/** Texts of some hyper-parameters, by run and name; a run has no entry for one its method does not read. */
export async function findParameters(
  database: Database,
  experimentIds: readonly string[],
  names: readonly string[],
): Promise<Map<string, Map<string, string>>> {
  const parameters = new Map<string, Map<string, string>>();
  if (names.length === 0) return parameters;
  const rows = await database
    .selectFrom('run_parameter')
    .innerJoin('run', 'run.id', 'run_parameter.run_id')
    .select(['run_parameter.run_id', 'run_parameter.name', 'run_parameter.text'])
    .where('run.experiment_id', 'in', experimentIds)
    .where('run_parameter.name', 'in', names)
    .execute();
  for (const { run_id, name, text } of rows)
    parameters.set(run_id, (parameters.get(run_id) ?? new Map<string, string>()).set(name, text));
  return parameters;
}
