import DataLoader from 'dataloader';
import { type Kysely, sql } from 'kysely';
import type { AttemptTable, SummaryMetricTable, Tables } from '../database/tables';
import { limits } from '../shared/limits';
import { findStoppedEpochs } from './halving.store';

export type ParameterRow = Tables['run_parameter'];

/** Metrics of a run: those that are named, or the first `metricsPerRun` of all. */
export interface MetricsKey {
  runId: string;
  names: readonly string[] | null;
}

/** What belongs to a run, loaded for all runs of an answer with one query each. */
export interface RunDetails {
  parameters: DataLoader<string, ParameterRow[]>;
  metrics: DataLoader<MetricsKey, SummaryMetricTable[], string>;
  attempts: DataLoader<string, AttemptTable[]>;
  /** Epochs at which successive halving stopped runs. */
  stoppedEpochs: DataLoader<string, number | null>;
}

/** Loaders live for one request: what they keep is never older than it. */
export function createRunDetails(database: Kysely<Tables>): RunDetails {
  return {
    parameters: loader((ids) =>
      database.selectFrom('run_parameter').selectAll().where('run_id', 'in', ids).orderBy('name').execute(),
    ),
    metrics: metricsLoader(database),
    attempts: loader((ids) =>
      database.selectFrom('attempt').selectAll().where('run_id', 'in', ids).orderBy('number').execute(),
    ),
    stoppedEpochs: new DataLoader(async (ids: readonly string[]) => {
      const epochs = await findStoppedEpochs(database, ids);
      return ids.map((id) => epochs.get(id) ?? null);
    }),
  };
}

/** A data set of many classes has a metric for every cell of its confusion matrix: hence names, and a limit. */
function metricsLoader(database: Kysely<Tables>) {
  const find = ({ ids, names }: { ids: string[]; names: readonly string[] | null }) => {
    const ofRuns = database.selectFrom('summary_metric').selectAll().where('run_id', 'in', ids);
    // A run has a metric once: so few names need no limit.
    if (names !== null && names.length <= limits.metricsPerRun)
      return ofRuns.where('name', 'in', names).orderBy('name').execute();
    const placed = ofRuns
      .select(sql<number>`row_number() over (partition by run_id order by name)`.as('place'))
      .$if(names !== null, (query) => query.where('name', 'in', names ?? []));
    return database
      .selectFrom(placed.as('placed'))
      .selectAll()
      .where('place', '<=', limits.metricsPerRun)
      .orderBy('name')
      .execute();
  };
  const namesKey = (names: readonly string[] | null) => JSON.stringify(names);
  const keyOf = ({ runId, names }: MetricsKey) => `${runId} ${namesKey(names)}`;
  return new DataLoader<MetricsKey, SummaryMetricTable[], string>(
    async (keys) => {
      const searches = new Map<string, { ids: string[]; names: readonly string[] | null }>();
      for (const { runId, names } of keys) {
        const search = searches.get(namesKey(names)) ?? { ids: [], names };
        search.ids.push(runId);
        searches.set(namesKey(names), search);
      }
      const rows = new Map<string, SummaryMetricTable[]>(keys.map((key) => [keyOf(key), []]));
      for (const search of searches.values())
        for (const row of await find(search)) rows.get(keyOf({ runId: row.run_id, names: search.names }))?.push(row);
      return keys.map((key) => rows.get(keyOf(key)) ?? []);
    },
    { cacheKeyFn: keyOf },
  );
}

function loader<Row extends { run_id: string }>(find: (ids: readonly string[]) => Promise<Row[]>) {
  return new DataLoader<string, Row[]>(async (ids) => {
    const rows = new Map<string, Row[]>(ids.map((id) => [id, []]));
    for (const row of await find(ids)) rows.get(row.run_id)?.push(row);
    return ids.map((id) => rows.get(id) ?? []);
  });
}
