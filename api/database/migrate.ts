import type { Kysely, SchemaModule } from 'kysely';
import type { Migration, SchemaStatement } from './migration';
import { initial } from './migrations/0001-initial';
import { batchAndCost } from './migrations/0003-batch-and-cost';
import { connections } from './migrations/0004-connections';
import { successiveHalving } from './migrations/0005-successive-halving';
import { team } from './migrations/0007-team';
import { valuesByRun } from './migrations/0008-values-by-run';
import { orderOfEvents } from './migrations/0009-order-of-events';
import { dataFiles } from './migrations/0010-data-files';
import type { Tables } from './tables';
import { codeOf, retried } from './transaction';

/** All migrations, oldest first. One that was ever released is never changed: add another. */
export const migrations: readonly Migration[] = [
  initial,
  batchAndCost,
  connections,
  successiveHalving,
  team,
  valuesByRun,
  orderOfEvents,
  dataFiles,
];

/** The table that remembers which migrations were applied. */
export const migrationTable = (schema: SchemaModule): SchemaStatement =>
  schema
    .createTable('migration')
    .ifNotExists()
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('applied_at', 'text', (column) => column.notNull());

/**
 * Brings the schema to the newest version; several processes may do it at once. Kysely's own Migrator is not used: its
 * lock on PostgreSQL is an advisory lock, which Aurora DSQL does not have, and it wraps all statements in one
 * transaction.
 */
export async function migrate(database: Kysely<Tables>): Promise<void> {
  await applied(migrationTable(database.schema));
  const done = await database.selectFrom('migration').select('name').execute();
  const names = new Set(done.map((row) => row.name));
  for (const migration of migrations) {
    if (names.has(migration.name)) continue;
    for (const statement of migration.statements(database.schema)) await applied(statement);
    await retried(() =>
      database
        .insertInto('migration')
        .values({ name: migration.name, applied_at: new Date().toISOString() })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute(),
    );
  }
}

/** Carries out a statement, unless it was carried out before or is by another process at this moment. */
const applied = (statement: SchemaStatement): Promise<unknown> =>
  retried(
    () =>
      statement.execute().catch((error) => {
        if (!isThere(error)) throw error;
      }),
    isMetMigrator,
  );

/** A column that an earlier try has added: `add column` knows no `if not exists` on SQLite. */
const isThere = (error: Error): boolean => codeOf(error) === '42701' || /duplicate column name/.test(error.message);

/** PostgreSQL looks for a table before it locks its name, and of two that make it one fails: by 23505, 42P07 or XX000. */
const isMetMigrator = (error: unknown): boolean => /^(23505|42P07|42710|XX000)$/.test(codeOf(error));
