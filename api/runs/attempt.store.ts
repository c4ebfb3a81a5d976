import type { Database, DatabaseTransaction } from '../database/database';
import type { AttemptTable } from '../database/tables';

/** An attempt by the id of its run and its number. */
export interface AttemptKey {
  runId: string;
  attempt: number;
}

const begun = {
  outcome: 'running',
  host: null,
  pid: null,
  engine: null,
  device: null,
  resumed_from_step: null,
  ended_at: null,
  exit_code: null,
  failure_kind: null,
  failure_message: null,
  log: null,
  instance_type: null,
  capacity: null,
  price_per_hour: null,
  price_source: null,
  billed_from: null,
  billed_seconds: null,
  cost: null,
  energy_watt_hours: null,
  energy_source: null,
} as const;

/** Begins an attempt. One that died without a trace leaves its number to the next, which replaces its row. */
export async function insertAttempt(
  transaction: DatabaseTransaction,
  { runId, attempt }: AttemptKey,
  startedAt: string,
): Promise<void> {
  const row = { ...begun, started_at: startedAt };
  await transaction
    .insertInto('attempt')
    .values({ run_id: runId, number: attempt, ...row })
    .onConflict((conflict) => conflict.columns(['run_id', 'number']).doUpdateSet(row))
    .execute();
}

/** How an attempt ended. */
export type AttemptEnding = Pick<AttemptTable, 'outcome' | 'ended_at' | 'failure_kind' | 'failure_message'>;

/** Ends an attempt that is running by the records; others keep their end. */
export async function endRunningAttempt(
  transaction: DatabaseTransaction,
  { runId, attempt }: AttemptKey,
  end: AttemptEnding,
): Promise<void> {
  await transaction
    .updateTable('attempt')
    .set(end)
    .where('run_id', '=', runId)
    .where('number', '=', attempt)
    .where('outcome', '=', 'running')
    .execute();
}

/** Changes an attempt, where it is known. */
export async function updateAttempt(
  database: Database,
  { runId, attempt }: AttemptKey,
  columns: Partial<AttemptTable>,
): Promise<void> {
  await database
    .updateTable('attempt')
    .set(columns)
    .where('run_id', '=', runId)
    .where('number', '=', attempt)
    .execute();
}

/** Numbers of a run's attempts of which the trainer's own record was taken in. */
export async function findDescribedAttempts(database: Database, runId: string): Promise<Set<number>> {
  const rows = await database
    .selectFrom('attempt')
    .select('number')
    .where('run_id', '=', runId)
    .where('engine', 'is not', null)
    .execute();
  return new Set(rows.map(({ number }) => number));
}

/** Fills in what the trainer says of its attempt; an attempt that nobody claimed is running from then on. */
export async function describeAttempt(
  transaction: DatabaseTransaction,
  { runId, attempt }: AttemptKey,
  columns: Partial<AttemptTable> & Pick<AttemptTable, 'started_at'>,
): Promise<void> {
  await transaction
    .insertInto('attempt')
    .values({ run_id: runId, number: attempt, outcome: 'running', ...columns })
    .onConflict((conflict) => conflict.columns(['run_id', 'number']).doUpdateSet(columns))
    .execute();
}
