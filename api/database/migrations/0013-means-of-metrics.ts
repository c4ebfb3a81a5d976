import { type Kysely, sql } from 'kysely';
import type { Migration } from '../migration';
import type { Tables } from '../tables';
import { inTransaction } from '../transaction';

/** Rows that one transaction changes: Aurora DSQL allows 3,000. */
const rowsPerTransaction = 1000;

/** The mean of each metric in a column of its own, for an index: Aurora DSQL makes none of expressions. */
export const meansOfMetrics: Migration = {
  name: '0013-means-of-metrics',
  statements: (schema) => [schema.alterTable('summary_metric').addColumn('mean', 'double precision')],
  fill: fillMeans,
};

/** Sets the means that are missing, or older than their sums, in the order of the primary key. */
async function fillMeans(database: Kysely<Tables>): Promise<void> {
  let after: RowKey | null = { run_id: '', name: '' };
  while (after !== null) after = await fillBatch(database, after);
}

type RowKey = Pick<Tables['summary_metric'], 'run_id' | 'name'>;

const mean = sql<number>`sum / count`;
const needsMean = sql<boolean>`(mean is null or mean <> ${mean})`;

/** @returns the key of the last row that it filled; null where none was left */
function fillBatch(database: Kysely<Tables>, after: RowKey): Promise<RowKey | null> {
  return inTransaction(database, async (transaction) => {
    const rows = await transaction
      .selectFrom('summary_metric')
      .select(['run_id', 'name'])
      .where(needsMean)
      .where('run_id', '>=', after.run_id)
      .where(isBehind(after))
      .orderBy('run_id')
      .orderBy('name')
      .limit(rowsPerTransaction)
      .execute();
    const last = rows.at(-1);
    if (last === undefined) return null;
    await transaction
      .updateTable('summary_metric')
      .set({ mean })
      .where(needsMean)
      .where('run_id', '>=', after.run_id)
      .where('run_id', '<=', last.run_id)
      .where(isBehind(after))
      .where(sql<boolean>`not ${isBehind(last)}`)
      .execute();
    return last;
  });
}

const isBehind = ({ run_id: runId, name }: RowKey) =>
  sql<boolean>`(run_id > ${runId} or (run_id = ${runId} and name > ${name}))`;
