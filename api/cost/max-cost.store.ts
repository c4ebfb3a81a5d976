import { type Kysely, sql } from 'kysely';
import type { Tables } from '../database/tables';

/** What the runs of an experiment cost so far. `unpriced`: runs on machines without a price. */
export interface Spending {
  id: string;
  max_cost: number;
  cost: number;
  unpriced: number;
}

/** Of the experiments that launch and have a limit. */
export async function findSpending(database: Kysely<Tables>): Promise<Spending[]> {
  const rows = await database
    .selectFrom('experiment')
    .innerJoin('run', 'run.experiment_id', 'experiment.id')
    .select(['experiment.id', 'experiment.max_cost'])
    .select(sql<number>`sum(coalesce(run.cost, 0))`.as('cost'))
    .select(sql<number>`sum(case when run.billed_seconds > 0 and run.cost is null then 1 else 0 end)`.as('unpriced'))
    .where('experiment.state', '=', 'launched')
    .where('experiment.max_cost', 'is not', null)
    .groupBy(['experiment.id', 'experiment.max_cost'])
    .execute();
  return rows.map(({ id, max_cost, cost, unpriced }) => ({
    id,
    max_cost: max_cost ?? 0,
    cost: Number(cost),
    unpriced: Number(unpriced),
  }));
}

export async function stopForCost(database: Kysely<Tables>, id: string, reason: string): Promise<void> {
  await database
    .updateTable('experiment')
    .set({ state: 'stopped', stop_kind: 'cost', stop_reason: reason, updated_at: new Date().toISOString() })
    .where('id', '=', id)
    .where('state', '=', 'launched')
    .execute();
}

/** Sets the limit. One that had stopped for its cost launches again; the next look stops it if it is still beyond. */
export async function setMaxCost(database: Kysely<Tables>, id: string, maxCost: number | null): Promise<void> {
  const now = new Date().toISOString();
  await database.updateTable('experiment').set({ max_cost: maxCost, updated_at: now }).where('id', '=', id).execute();
  await database
    .updateTable('experiment')
    .set({ state: 'launched', stop_kind: null, stop_reason: null })
    .where('id', '=', id)
    .where('state', '=', 'stopped')
    .where('stop_kind', '=', 'cost')
    .execute();
}
