import type { Kysely, Transaction } from 'kysely';
import type { RungResultTable, Tables } from '../database/tables';

/** A run as successive halving sees it. */
export interface JudgedRun {
  experimentId: string;
  variant: string;
  totalEpochs: number;
  /** The definition of its experiment, JSON. */
  definition: string;
}

export async function findJudgedRun(database: Kysely<Tables>, runId: string): Promise<JudgedRun | undefined> {
  const row = await database
    .selectFrom('run')
    .innerJoin('experiment', 'experiment.id', 'run.experiment_id')
    .select(['run.experiment_id', 'run.variant', 'run.total_epochs', 'experiment.definition'])
    .where('run.id', '=', runId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { experiment_id, total_epochs, ...rest } = row;
  return { ...rest, experimentId: experiment_id, totalEpochs: total_epochs };
}

/** A metric of a run by epoch, ascending. */
export function findEpochValues(
  database: Kysely<Tables>,
  runId: string,
  name: string,
): Promise<{ epoch: number; value: number }[]> {
  return database
    .selectFrom('epoch_metric')
    .select(['epoch', 'value'])
    .where('run_id', '=', runId)
    .where('name', '=', name)
    .orderBy('epoch')
    .execute();
}

/** Rungs at which a run was judged. */
export async function findJudgedEpochs(database: Kysely<Tables>, runId: string): Promise<Set<number>> {
  const rows = await database.selectFrom('rung_result').select('epoch').where('run_id', '=', runId).execute();
  return new Set(rows.map(({ epoch }) => epoch));
}

/** What reached a rung so far, in the order of its arrival. */
export function findRung(
  database: Kysely<Tables>,
  { experimentId, variant, epoch }: { experimentId: string; variant: string; epoch: number },
): Promise<{ place: number; value: number }[]> {
  return database
    .selectFrom('rung_result')
    .select(['place', 'value'])
    .where('experiment_id', '=', experimentId)
    .where('variant', '=', variant)
    .where('epoch', '=', epoch)
    .orderBy('place')
    .execute();
}

/** Two that take one place at once are told apart by the key: the later is judged again. */
export async function insertRungResult(transaction: Transaction<Tables>, result: RungResultTable): Promise<void> {
  await transaction.insertInto('rung_result').values(result).execute();
}

/** The epoch at which each of some runs was last told to stop. */
export async function findStoppedEpochs(
  database: Kysely<Tables>,
  runIds: readonly string[],
): Promise<Map<string, number>> {
  const rows = await database
    .selectFrom('rung_result')
    .select(({ fn }) => ['run_id', fn.max('epoch').as('epoch')])
    .where('run_id', 'in', runIds)
    .where('goes_on', '=', 0)
    .groupBy('run_id')
    .execute();
  return new Map(rows.map(({ run_id, epoch }) => [run_id, Number(epoch)]));
}
