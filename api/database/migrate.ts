import type { Kysely, SchemaModule } from 'kysely';
import type { Migration, SchemaStatement } from './migration';
import { initial } from './migrations/0001-initial';
import type { Tables } from './tables';

/** All migrations, oldest first. One that was ever released is never changed: add another. */
export const migrations: readonly Migration[] = [initial];

/** The table that remembers which migrations were applied. */
export const migrationTable = (schema: SchemaModule): SchemaStatement =>
  schema
    .createTable('migration')
    .ifNotExists()
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('applied_at', 'text', (column) => column.notNull());

/**
 * Brings the schema to the newest version. Kysely's own Migrator is not used: its lock on PostgreSQL is an advisory
 * lock, which Aurora DSQL does not have, and it wraps all statements in one transaction.
 */
export async function migrate(database: Kysely<Tables>): Promise<void> {
  await migrationTable(database.schema).execute();
  const applied = await database.selectFrom('migration').select('name').execute();
  const names = new Set(applied.map((row) => row.name));
  for (const migration of migrations) {
    if (names.has(migration.name)) continue;
    for (const statement of migration.statements(database.schema)) await statement.execute();
    await database
      .insertInto('migration')
      .values({ name: migration.name, applied_at: new Date().toISOString() })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute();
  }
}
