import { isDeepStrictEqual } from 'node:util';
import type { Kysely, Transaction } from 'kysely';
import type { EpochMetricTable, SummaryMetricTable, Tables } from '../database/tables';

const rowsPerStatement = 200;

/**
 * The attempt that a run is in, and the Batch job that carries it out by the records, as the trainer knows it (of an
 * array job: `id:index`); null where no submitted job does.
 */
export async function findOwnJob(
  database: Kysely<Tables>,
  runId: string,
): Promise<{ attempt: number; job: string } | null> {
  const run = await database
    .selectFrom('run')
    .innerJoin('batch_job', 'batch_job.name', 'run.job_name')
    .select(['run.attempt', 'run.job_index', 'batch_job.job_id', 'batch_job.size'])
    .where('run.id', '=', runId)
    .executeTakeFirst();
  if (run === undefined || run.job_id === null) return null;
  return { attempt: run.attempt, job: run.size === 1 ? run.job_id : `${run.job_id}:${run.job_index}` };
}

/** The key of the newest chunk that the records hold; empty before the first. */
export async function readPosition(database: Kysely<Tables>, runId: string): Promise<string> {
  const stored = await database.selectFrom('ingest').select('last_key').where('run_id', '=', runId).executeTakeFirst();
  return stored?.last_key ?? '';
}

export async function storePosition(transaction: Transaction<Tables>, runId: string, key: string): Promise<void> {
  await transaction
    .insertInto('ingest')
    .values({ run_id: runId, last_key: key })
    .onConflict((conflict) => conflict.column('run_id').doUpdateSet({ last_key: key }))
    .execute();
}

export const findSummaries = (transaction: Transaction<Tables>, runId: string): Promise<SummaryMetricTable[]> =>
  transaction.selectFrom('summary_metric').selectAll().where('run_id', '=', runId).execute();

/** Stores summaries in place of the known ones. Of those read anew most are as before, and stay untouched. */
export async function storeSummaries(
  transaction: Transaction<Tables>,
  runId: string,
  known: ReadonlyMap<string, SummaryMetricTable>,
  summaries: ReadonlyMap<string, SummaryMetricTable>,
): Promise<void> {
  const gone = [...known.keys()].filter((name) => !summaries.has(name));
  for (const names of parts(gone))
    await transaction.deleteFrom('summary_metric').where('run_id', '=', runId).where('name', 'in', names).execute();
  const changed = [...summaries.values()].filter((row) => !isSame(row, known.get(row.name)));
  for (const rows of parts(changed))
    await transaction
      .insertInto('summary_metric')
      .values(rows)
      .onConflict((conflict) =>
        conflict.columns(['run_id', 'name']).doUpdateSet(({ ref }) => ({
          ...{ count: ref('excluded.count'), sum: ref('excluded.sum'), mean: ref('excluded.mean') },
          ...{ last: ref('excluded.last'), last_step: ref('excluded.last_step') },
          ...{ min: ref('excluded.min'), min_step: ref('excluded.min_step') },
          ...{ max: ref('excluded.max'), max_step: ref('excluded.max_step') },
          ...{ best: ref('excluded.best'), best_step: ref('excluded.best_step') },
        })),
      )
      .execute();
}

export const findEpochRows = (transaction: Transaction<Tables>, runId: string): Promise<EpochMetricTable[]> =>
  transaction.selectFrom('epoch_metric').selectAll().where('run_id', '=', runId).execute();

/** Stores rows in place of the known ones. */
export async function storeEpochs(
  transaction: Transaction<Tables>,
  runId: string,
  known: readonly EpochMetricTable[],
  rows: readonly EpochMetricTable[],
): Promise<void> {
  const keyOf = ({ name, epoch }: EpochMetricTable) => `${epoch} ${name}`;
  const before = new Map(known.map((row) => [keyOf(row), row]));
  const wanted = new Map(rows.map((row) => [keyOf(row), row]));
  for (const { name, epoch } of known.filter((row) => !wanted.has(keyOf(row))))
    await transaction
      .deleteFrom('epoch_metric')
      .where('run_id', '=', runId)
      .where('name', '=', name)
      .where('epoch', '=', epoch)
      .execute();
  const changed = [...wanted].filter(([key, row]) => !isSame(row, before.get(key))).map(([, row]) => row);
  for (const values of parts(changed))
    await transaction
      .insertInto('epoch_metric')
      .values(values)
      .onConflict((conflict) =>
        conflict.columns(['run_id', 'name', 'epoch']).doUpdateSet(({ ref }) => ({
          step: ref('excluded.step'),
          elapsed_seconds: ref('excluded.elapsed_seconds'),
          value: ref('excluded.value'),
        })),
      )
      .execute();
}

/** Drivers make rows of classes of their own. */
const isSame = (row: object, known: object | undefined): boolean =>
  row === known || isDeepStrictEqual({ ...row }, { ...known });

function parts<Row>(rows: readonly Row[]): Row[][] {
  return Array.from({ length: Math.ceil(rows.length / rowsPerStatement) }, (_, at) =>
    rows.slice(at * rowsPerStatement, (at + 1) * rowsPerStatement),
  );
}
