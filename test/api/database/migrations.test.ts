import { join } from 'node:path';
import { type Dialect, DummyDriver, Kysely, PostgresAdapter, SqliteAdapter, SqliteQueryCompiler } from 'kysely';
import { DsqlCompiler } from '../../../api/database/dsql';
import { migrate, migrations, migrationTable } from '../../../api/database/migrate';
import { BytewiseCompiler } from '../../../api/database/postgres';
import { openSqlite } from '../../../api/database/sqlite';
import type { Tables } from '../../../api/database/tables';
import { useTestFolder } from '../../testkit/test-folder';

const compilers = {
  SQLite: () => new SqliteQueryCompiler(),
  PostgreSQL: () => new BytewiseCompiler(),
  'Aurora DSQL': () => new DsqlCompiler(),
};
type Engine = keyof typeof compilers;
const engines = Object.keys(compilers) as Engine[];

/** A database that compiles statements and runs none. */
function compilerOf(engine: Engine): Kysely<Tables> {
  const dialect: Dialect = {
    createAdapter: () => (engine === 'SQLite' ? new SqliteAdapter() : new PostgresAdapter()),
    createDriver: () => new DummyDriver(),
    createIntrospector: () => {
      throw new Error('nothing is looked up');
    },
    createQueryCompiler: compilers[engine],
  };
  return new Kysely<Tables>({ dialect });
}

const statements = (engine: Engine): string[] => {
  const { schema } = compilerOf(engine);
  return [migrationTable(schema), ...migrations.flatMap((migration) => migration.statements(schema))].map(
    (statement) => statement.compile().sql,
  );
};

/** What Aurora DSQL has not, or what would not be the same on SQLite. */
const forbidden = [
  /references|foreign key/i,
  /serial|identity|autoincrement|sequence/i,
  /trigger/i,
  /\bjsonb?\b/i,
  /temporary|\btemp\b/i,
  /truncate|savepoint/i,
  /\breal\b|datetime|timestamp|boolean|blob/i,
];
const columnTypes = new Set(['text', 'integer', 'bigint', 'double precision']);

describe('migrations', () => {
  const folder = useTestFolder();

  it.each(engines)('keep to the common subset when compiled for %s', (engine) => {
    const all = statements(engine);
    expect(all.length).toBeGreaterThan(20);
    for (const statement of all) {
      for (const pattern of forbidden) expect(statement).not.toMatch(pattern);
      // `migrate` takes a column that is there already for added.
      expect(statement).toMatch(
        /^(create (table|index( async)?) if not exists |alter table "\w+" add column "\w+" (text( collate "C")?|integer|bigint|double precision)$)/,
      );
      expect(statement).not.toContain(';');
      if (!statement.startsWith('create table')) continue;
      const columns = /\((.*)\)$/s.exec(statement)![1]!.split(/, (?![^(]*\))/);
      for (const column of columns.filter((part) => part.startsWith('"')))
        expect(columnTypes).toContain(/^"\w+" (text|integer|bigint|double precision)\b/.exec(column)?.[1]);
    }
  });

  it('make texts that are compared by their bytes on PostgreSQL', () => {
    const [table] = statements('PostgreSQL');
    expect(table).toBe(
      'create table if not exists "migration" ("name" text collate "C" primary key, "applied_at" text collate "C" not null)',
    );
  });

  it('make indexes as Aurora DSQL takes them: in the background, of few columns, without a direction or collation', () => {
    const all = statements('Aurora DSQL');
    const indexes = all.filter((statement) => statement.startsWith('create index'));
    expect(indexes.length).toBeGreaterThan(10);
    for (const index of indexes) {
      const [, table, columns] = /^create index async if not exists "\w+" on ("\w+") \(("\w+"(?:, "\w+")*)\)$/.exec(
        index,
      )!;
      expect(columns!.split(', ').length).toBeLessThanOrEqual(8);
      expect(indexes.filter((other) => other.includes(` on ${table} `)).length).toBeLessThanOrEqual(24);
    }
    expect(all.join('\n')).not.toMatch(/collate/i);
  });

  it('create exactly the columns that the code knows, and change nothing when run again', async () => {
    const path = join(folder.path(), 'records.sqlite');
    const database = await openSqlite(path);
    await database.insertInto('ingest').values({ run_id: 'r', last_key: 'k' }).execute();
    await migrate(database);
    await database.destroy();
    const again = await openSqlite(path);
    expect(await again.selectFrom('ingest').selectAll().execute()).toEqual([{ run_id: 'r', last_key: 'k' }]);
    expect((await again.selectFrom('migration').select('name').execute()).map(({ name }) => name)).toEqual(
      migrations.map(({ name }) => name),
    );
    await again.destroy();
  });

  it('go on where they were cut off', async () => {
    const database = await openSqlite(join(folder.path(), 'records.sqlite'));
    // As after a crash between the first statements and the note that the migration is done.
    await database.deleteFrom('migration').execute();
    await database.schema.dropTable('epoch_metric').execute();
    await migrate(database);
    expect(await database.selectFrom('epoch_metric').selectAll().execute()).toEqual([]);
    await database.destroy();
  });
});
