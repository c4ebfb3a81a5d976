import { type Kysely, sql, type Transaction } from 'kysely';
import type { Tables } from '../../api/database/tables';
import { inTransaction } from '../../api/database/transaction';
import { newRun } from '../../api/definition/new-run';
import { describeMetric } from '../../contract/metrics';
import { parseRunSpec, type RunSpec } from '../../contract/run-spec';

export const isHigherBetter = (name: string): boolean => describeMetric(name).better === 'higher';
export const metricNames = ['test/accuracy', 'dev/accuracy', 'train/loss'] as const;
/** Hyper-parameters that differ between runs; rows of others are never looked at, and would take most of the time. */
export const parameterValues = {
  alpha: [0.1, 0.3, 0.5, 0.7, 0.9],
  temperature: [1, 2, 4, 8],
  epochs: [1, 2, 3, 4, 5, 6, 7],
  batchSize: [8, 16, 32, 64],
  loss: ['ce', 'kl', 'mse'],
} as const;

export const runsPerExperiment = 500;
export const experimentIdOf = (run: number): string => `x${Math.floor(run / runsPerExperiment)}`;
const rowsPerStatement = 250;

/** Numbers from 0 to 1, the same for the same seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export const oneOf = <T>(values: readonly T[], random: () => number): T =>
  values[Math.floor(random() * values.length)]!;

/** Fills empty records with succeeded runs, their hyper-parameters and metrics; the same for the same count. */
export async function storeManyRuns(database: Kysely<Tables>, count: number): Promise<void> {
  const spec = someSpec();
  const random = randomNumbers(1);
  for (let start = 0; start < count; start += runsPerExperiment)
    await inTransaction(database, (transaction) => storeExperiment(transaction, start, spec, random));
}

export function someSpec(): RunSpec {
  const data = { train: '/nowhere', test: '/nowhere' };
  const parsed = parseRunSpec({ runId: 'r', method: 'kd', teacher: { kind: 'random' }, data });
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

async function storeExperiment(transaction: Transaction<Tables>, start: number, spec: RunSpec, random: () => number) {
  const places = Array.from({ length: runsPerExperiment }, (_, at) => start + at);
  const createdAt = new Date(1.7e12 + start * 1000).toISOString();
  const at = { experimentId: experimentIdOf(start), createdAt, changedAt: createdAt };
  const runs = places.map((place, position) => ({
    // Ids of experiments of a millisecond each, as the service makes them.
    ...newRun({ ...spec, runId: runIdOf(place), seed: place % 5 }, { ...at, position }),
    state: 'SUCCEEDED' as const,
  }));
  const chosen = places.map(() =>
    Object.entries(parameterValues).map(([name, values]) => [name, oneOf<string | number>(values, random)] as const),
  );
  const parameters = chosen.flatMap((pairs, place) =>
    pairs.map(([name, value]) => ({
      run_id: runs[place]!.id,
      name,
      number: typeof value === 'number' ? value : null,
      text: String(value),
    })),
  );
  const metrics = chosen.flatMap((pairs, place) => {
    // As in life some hyper-parameters help, and most of the rest is chance.
    const quality = Number(pairs[0]![1]) * 0.1 + Number(pairs[2]![1]) * 0.02 + random() * 0.5;
    return metricNames.map((name) => {
      const measured = quality + random() * 0.05;
      return metricRow(runs[place]!.id, name, isHigherBetter(name) ? measured : 1 - measured);
    });
  });
  await insertAll(transaction, 'run', runs);
  await insertAll(transaction, 'run_parameter', parameters);
  await insertAll(transaction, 'summary_metric', metrics);
}

export const runIdOf = (place: number): string =>
  `${experimentIdOf(place)}-${String(place % runsPerExperiment).padStart(4, '0')}`;

function metricRow(runId: string, name: string, value: number): Tables['summary_metric'] {
  const steps = { last_step: 1, min_step: 1, max_step: 1, best_step: 1 };
  const best = value + 0.01;
  return {
    run_id: runId,
    name,
    count: 2,
    last: value,
    min: value,
    max: best,
    sum: value + best,
    mean: (value + best) / 2,
    best,
    ...steps,
  };
}

export async function insertAll<Table extends 'run' | 'run_parameter' | 'summary_metric' | 'epoch_metric'>(
  transaction: Transaction<Tables>,
  table: Table,
  rows: readonly Tables[Table][],
) {
  for (let start = 0; start < rows.length; start += rowsPerStatement)
    await transaction
      .insertInto(table as 'run')
      .values(rows.slice(start, start + rowsPerStatement) as Tables['run'][])
      .execute();
}

/** What PostgreSQL does by itself some time after such a change: it counts values and marks pages as visible to all. */
export const settle = (database: Kysely<Tables>): Promise<unknown> => sql`vacuum analyze`.execute(database);
