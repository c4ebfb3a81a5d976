import DataLoader from 'dataloader';
import type { Kysely } from 'kysely';
import type { AttemptTable, SummaryMetricTable, Tables } from '../database/tables';

export type ParameterRow = Tables['run_parameter'];

/** What belongs to a run, loaded for all runs of an answer with one query each. */
export interface RunDetails {
  parameters: DataLoader<string, ParameterRow[]>;
  metrics: DataLoader<string, SummaryMetricTable[]>;
  attempts: DataLoader<string, AttemptTable[]>;
}

/** Loaders live for one request: what they keep is never older than it. */
export function createRunDetails(database: Kysely<Tables>): RunDetails {
  return {
    parameters: loader((ids) =>
      database.selectFrom('run_parameter').selectAll().where('run_id', 'in', ids).orderBy('name').execute(),
    ),
    metrics: loader((ids) =>
      database.selectFrom('summary_metric').selectAll().where('run_id', 'in', ids).orderBy('name').execute(),
    ),
    attempts: loader((ids) =>
      database.selectFrom('attempt').selectAll().where('run_id', 'in', ids).orderBy('number').execute(),
    ),
  };
}

function loader<Row extends { run_id: string }>(find: (ids: readonly string[]) => Promise<Row[]>) {
  return new DataLoader<string, Row[]>(async (ids) => {
    const rows = new Map<string, Row[]>(ids.map((id) => [id, []]));
    for (const row of await find(ids)) rows.get(row.run_id)?.push(row);
    return ids.map((id) => rows.get(id) ?? []);
  });
}
