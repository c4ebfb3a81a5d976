import type { Kysely } from 'kysely';
import type { RunTable, SummaryMetricTable, Tables } from '../database/tables';
import { breathe } from '../shared/breathe';

/** Columns of a run that an export gives as they are; not its definition, which is large. */
const fieldNames = [
  'id',
  'experiment_id',
  'position',
  'variant',
  'group_id',
  'method',
  'seed',
  'state',
  'depends_on',
  'student_depends_on',
  'attempt',
  'failure_kind',
  'failure_message',
  'step',
  'epoch',
  'elapsed_seconds',
  'engine',
  'device',
  'trained_parameters',
  'model_bytes',
  'selected_epoch',
  'created_at',
  'started_at',
  'finished_at',
  'damage',
] as const satisfies (keyof RunTable)[];
export type RunFields = Pick<RunTable, (typeof fieldNames)[number]>;

/** All that an export tells of a run, hyper-parameters and metrics by their names. */
export interface RunValues {
  fields: RunFields;
  parameters: Map<string, { number: number | null; text: string }>;
  metrics: Map<string, SummaryMetricTable>;
}

/** Runs in the order of the ids; one that is gone meanwhile is left out. */
export async function exportedRuns(
  database: Kysely<Tables>,
  ids: readonly string[],
  metricNames: readonly string[],
): Promise<RunValues[]> {
  const runs = await database.selectFrom('run').select(fieldNames).where('id', 'in', ids).execute();
  await breathe();
  const parameters = await database.selectFrom('run_parameter').selectAll().where('run_id', 'in', ids).execute();
  await breathe();
  const ofRuns = database.selectFrom('summary_metric').selectAll().where('run_id', 'in', ids);
  const metrics = metricNames.length === 0 ? [] : await ofRuns.where('name', 'in', metricNames).execute();
  await breathe();
  const values = new Map<string, RunValues>(
    runs.map((fields) => [fields.id, { fields, parameters: new Map(), metrics: new Map() }]),
  );
  for (const row of parameters) values.get(row.run_id)?.parameters.set(row.name, row);
  for (const row of metrics) values.get(row.run_id)?.metrics.set(row.name, row);
  return ids.map((id) => values.get(id)).filter((run) => run !== undefined);
}
