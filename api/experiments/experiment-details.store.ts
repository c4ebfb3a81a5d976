import DataLoader from 'dataloader';
import { type Kysely, sql } from 'kysely';
import type { ExperimentTable, RunState, Tables } from '../database/tables';

export type NoteRow = Tables['note'];

/** Sums over the runs of an experiment; `unpricedRuns` were on machines whose price is not known. */
export interface CostRow {
  cost: number;
  unpricedRuns: number;
  billedSeconds: number;
  energyWattHours: number;
  estimatedEnergyRuns: number;
}

/** What belongs to an experiment, loaded for all experiments of an answer with one query each. */
export interface ExperimentDetails {
  experiments: DataLoader<string, ExperimentTable | null>;
  tags: DataLoader<string, string[]>;
  notes: DataLoader<string, NoteRow[]>;
  runNotes: DataLoader<string, NoteRow[]>;
  /** One entry, none where it has no runs. */
  costs: DataLoader<string, CostRow[]>;
  runCounts: DataLoader<string, { state: RunState; count: number }[]>;
}

export function createExperimentDetails(database: Kysely<Tables>): ExperimentDetails {
  return {
    experiments: new DataLoader(async (ids) => {
      const rows = await database.selectFrom('experiment').selectAll().where('id', 'in', ids).execute();
      return ids.map((id) => rows.find((row) => row.id === id) ?? null);
    }),
    tags: grouped(
      (ids) =>
        database.selectFrom('experiment_tag').selectAll().where('experiment_id', 'in', ids).orderBy('tag').execute(),
      (row) => [row.experiment_id, row.tag],
    ),
    notes: grouped(
      (ids) =>
        database.selectFrom('note').selectAll().where('experiment_id', 'in', ids).orderBy('created_at').execute(),
      (row) => [row.experiment_id, row],
    ),
    runNotes: grouped(
      (ids) => database.selectFrom('note').selectAll().where('run_id', 'in', ids).orderBy('created_at').execute(),
      (row) => [row.run_id ?? '', row],
    ),
    costs: grouped(
      (ids) =>
        database
          .selectFrom('run')
          .select('experiment_id')
          .select([
            sql<number>`sum(coalesce(cost, 0))`.as('cost'),
            sql<number>`sum(case when billed_seconds > 0 and cost is null then 1 else 0 end)`.as('unpriced'),
            sql<number>`sum(coalesce(billed_seconds, 0))`.as('seconds'),
            sql<number>`sum(coalesce(energy_watt_hours, 0))`.as('energy'),
            sql<number>`sum(case when energy_source = 'estimated' then 1 else 0 end)`.as('estimated'),
          ])
          .where('experiment_id', 'in', ids)
          .groupBy('experiment_id')
          .execute(),
      ({ experiment_id, cost, unpriced, seconds, energy, estimated }) => [
        experiment_id,
        {
          cost: Number(cost),
          unpricedRuns: Number(unpriced),
          billedSeconds: Number(seconds),
          energyWattHours: Number(energy),
          estimatedEnergyRuns: Number(estimated),
        },
      ],
    ),
    runCounts: grouped(
      (ids) =>
        database
          .selectFrom('run')
          .select(['experiment_id', 'state', (build) => build.fn.countAll<number>().as('count')])
          .where('experiment_id', 'in', ids)
          .groupBy(['experiment_id', 'state'])
          .orderBy('state')
          .execute(),
      (row) => [row.experiment_id, { state: row.state, count: Number(row.count) }],
    ),
  };
}

/** A loader of lists: rows found for many keys at once, handed out by key. */
function grouped<Row, Value>(
  find: (keys: readonly string[]) => Promise<Row[]>,
  entryOf: (row: Row) => [key: string, value: Value],
) {
  return new DataLoader<string, Value[]>(async (keys) => {
    const values = new Map<string, Value[]>(keys.map((key) => [key, []]));
    for (const [key, value] of (await find(keys)).map(entryOf)) values.get(key)?.push(value);
    return keys.map((key) => values.get(key) ?? []);
  });
}
