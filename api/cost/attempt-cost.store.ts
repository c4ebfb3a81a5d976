import type { Transaction } from 'kysely';
import type { Attempt, AttemptEnd, Energy } from '../../contract/records';
import type { PriceSettings } from '../context/context';
import type { AttemptTable, RunTable, Tables } from '../database/tables';
import { priceOf } from './prices';

/** What is known of an attempt's use of its machine: how long it ran, and what energy it took. */
export interface AttemptUse {
  attempt: number;
  /** By the trainer's own measure; undefined where it did not tell. */
  seconds: number | undefined;
  /** By the wall clock, which may have been set since the attempt began. */
  until: string;
  energy: Energy | undefined;
}

/** How an attempt used its machine, as it says at its end. */
export const useOf = (attempt: number, { attemptSeconds, endedAt, energy }: AttemptEnd): AttemptUse => ({
  attempt,
  seconds: attemptSeconds,
  until: endedAt,
  energy,
});

/** Costs of a run, as its row has them: sums over its attempts, and the machine of the newest. */
export type RunCosts = Pick<
  RunTable,
  'instance_type' | 'price_per_hour' | 'billed_seconds' | 'cost' | 'energy_watt_hours' | 'energy_source'
>;

/** The machine and the price of an attempt, as its row has them. */
export function machineColumns(attempt: Attempt, prices: PriceSettings) {
  const { machine } = attempt;
  const price = priceOf(machine ?? null, prices);
  return {
    instance_type: machine?.instanceType ?? null,
    capacity: machine?.capacity ?? null,
    price_per_hour: price?.perHour ?? null,
    price_source: price?.source ?? null,
    billed_from: machine?.billedFrom ?? null,
  };
}

/**
 * Takes in how long an attempt has run. What is known already is never made less, so it makes no difference in which
 * order signs of life and ends arrive.
 * @returns the costs of the run, all attempts together; null where that changed nothing
 */
export async function recordUse(
  transaction: Transaction<Tables>,
  runId: string,
  use: AttemptUse,
): Promise<RunCosts | null> {
  const rows = await transaction
    .selectFrom('attempt')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('number')
    .execute();
  const row = rows.find(({ number }) => number === use.attempt);
  // Without its own record nobody knows when it began.
  if (row === undefined || row.engine === null) return null;
  const next = withUse(row, use);
  if (next === row) return null;
  const { billed_seconds, cost, energy_watt_hours, energy_source } = next;
  await transaction
    .updateTable('attempt')
    .set({ billed_seconds, cost, energy_watt_hours, energy_source })
    .where('run_id', '=', runId)
    .where('number', '=', use.attempt)
    .execute();
  return costsOf(rows.map((other) => (other === row ? next : other)));
}

function withUse(row: AttemptTable, { seconds: measured, until, energy }: AttemptUse): AttemptTable {
  const startedAt = Date.parse(row.started_at);
  // The machine is billed from before the attempt began: while it started and fetched the image.
  const startUp = row.billed_from === null ? 0 : Math.max(0, startedAt - Date.parse(row.billed_from)) / 1000;
  const seconds = startUp + (measured ?? Math.max(0, (Date.parse(until) - startedAt) / 1000));
  const isLonger = seconds > (row.billed_seconds ?? -1);
  const isMore = energy !== undefined && energy.wattHours > (row.energy_watt_hours ?? -1);
  if (!isLonger && !isMore) return row;
  return {
    ...row,
    ...(isLonger
      ? { billed_seconds: seconds, cost: row.price_per_hour === null ? null : (seconds / 3600) * row.price_per_hour }
      : {}),
    ...(isMore ? { energy_watt_hours: energy.wattHours, energy_source: energy.source } : {}),
  };
}

function costsOf(attempts: readonly AttemptTable[]): RunCosts {
  const billed = attempts.filter(({ billed_seconds }) => billed_seconds !== null);
  const metered = attempts.filter(({ energy_watt_hours }) => energy_watt_hours !== null);
  const sum = (values: readonly (number | null)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const newest = billed.at(-1);
  return {
    instance_type: newest?.instance_type ?? null,
    price_per_hour: newest?.price_per_hour ?? null,
    billed_seconds: sum(billed.map(({ billed_seconds }) => billed_seconds)),
    cost: billed.some(({ cost }) => cost === null) ? null : sum(billed.map(({ cost }) => cost)),
    energy_watt_hours: metered.length === 0 ? null : sum(metered.map(({ energy_watt_hours }) => energy_watt_hours)),
    energy_source:
      metered.length === 0
        ? null
        : metered.every(({ energy_source }) => energy_source === 'measured')
          ? 'measured'
          : 'estimated',
  };
}
