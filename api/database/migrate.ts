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
import { billedFrom } from './migrations/0011-billed-from';
import { damage } from './migrations/0012-damage';
import { meansOfMetrics } from './migrations/0013-means-of-metrics';
import { ordersByMetrics } from './migrations/0014-orders-by-metrics';
import { studentRuns } from './migrations/0015-student-runs';
import type { Tables } from './tables';
import { codeOf, retriedForLong } from './transaction';

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
  billedFrom,
  damage,
  meansOfMetrics,
  ordersByMetrics,
  studentRuns,
];

/** The table that remembers which migrations were applied. */
export const migrationTable = (schema: SchemaModule): SchemaStatement =>
  schema
    .createTable('migration')
    .ifNotExists()
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('applied_at', 'text', (column) => column.notNull());

/** How a database makes indexes, where that takes more than their statement. */
export interface IndexBuilding {
  /** Waits until an index can be used. @param rows what its statement answered @throws Error where it cannot be made */
  finish(database: Kysely<Tables>, statement: string, rows: readonly unknown[]): Promise<void>;
  /** Drops indexes that were begun and are of no use. @returns their names */
  dropInvalid(database: Kysely<Tables>): Promise<string[]>;
}

/**
 * Brings the schema to the newest version; several processes may do it at once. Kysely's own Migrator is not used: its
 * lock on PostgreSQL is an advisory lock, which Aurora DSQL does not have, and it wraps all statements in one
 * transaction.
 *
 * Migrations only ever add, so a program that is older than the records works with what it knows of them.
 * @returns names of migrations that a newer version has made and this one does not know
 */
export async function migrate(database: Kysely<Tables>, indexes?: IndexBuilding): Promise<string[]> {
  const dropped = (await indexes?.dropInvalid(database)) ?? [];
  await applied(database, migrationTable(database.schema), indexes);
  const appliedAt = await findApplied(database);
  for (const migration of migrations) {
    const isDone = appliedAt.has(migration.name);
    for (const statement of migration.statements(database.schema))
      if (!isDone || (dropped.length > 0 && isIndex(statement))) await applied(database, statement, indexes);
    if (!isDone || isWithin(appliedAt.get(migration.name)!, mixedVersionsHours.servers))
      await migration.fill?.(database);
    if (isDone) continue;
    await retriedForLong(() =>
      database
        .insertInto('migration')
        .values({ name: migration.name, applied_at: new Date().toISOString() })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute(),
    );
  }
  return [...appliedAt.keys()].filter((name) => !migrations.some((known) => known.name === name));
}

/** When each migration was applied, by its name. */
async function findApplied(database: Kysely<Tables>): Promise<Map<string, string>> {
  const rows = await database.selectFrom('migration').select(['name', 'applied_at']).execute();
  return new Map(rows.map((row) => [row.name, row.applied_at]));
}

/** For so long after a migration, processes of the version before may write rows: a team's servers, or a stack's functions. */
export const mixedVersionsHours = { servers: 24, functions: 0.5 };

const isWithin = (time: string, hours: number): boolean => Date.now() - Date.parse(time) <= hours * 3_600_000;

/**
 * Repeats what recent migrations fill in: a process of the version before leaves it out of the rows that it writes.
 * `migrate` does so by itself.
 */
export async function fillAgain(database: Kysely<Tables>, hours: number): Promise<void> {
  const appliedAt = await findApplied(database);
  for (const { name, fill } of migrations) {
    const time = appliedAt.get(name);
    if (fill !== undefined && time !== undefined && isWithin(time, hours)) await fill(database);
  }
}

const isIndex = (statement: SchemaStatement): boolean => statement.compile().sql.startsWith('create index ');

/** Carries out a statement, unless it was carried out before or is by another process at this moment. */
async function applied(
  database: Kysely<Tables>,
  statement: SchemaStatement,
  indexes: IndexBuilding | undefined,
): Promise<void> {
  const compiled = statement.compile();
  const rows = await retriedForLong(async () => {
    try {
      return (await database.executeQuery(compiled)).rows;
    } catch (error) {
      if (!isThere(error as Error)) throw error;
      return [];
    }
  }, isMetMigrator);
  if (isIndex(statement)) await indexes?.finish(database, compiled.sql, rows);
}

/** A column that an earlier try has added: `add column` knows no `if not exists` on SQLite. */
const isThere = (error: Error): boolean => codeOf(error) === '42701' || /duplicate column name/.test(error.message);

/** PostgreSQL looks for a table before it locks its name, and of two that make it one fails: by 23505, 42P07 or XX000. */
const isMetMigrator = (error: unknown): boolean => /^(23505|42P07|42710|XX000)$/.test(codeOf(error));
