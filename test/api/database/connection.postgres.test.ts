import { sql } from 'kysely';
import { migrations } from '../../../api/database/migrate';
import { openPostgres } from '../../../api/database/postgres';
import { inTransaction } from '../../../api/database/transaction';
import { onServer, urlOf, useTestRecords } from '../../testkit/records';

const records = useTestRecords();
const options = { connections: 1, migrate: true };

/** Why a database is not opened. */
async function refusalOf(url: string): Promise<string> {
  const outcome = await openPostgres(url, options);
  if (outcome.kind === 'opened') await outcome.database.destroy();
  return outcome.kind === 'refused' ? outcome.message : 'opened';
}

describe('a database that cannot be opened', () => {
  it('is named where it does not exist', async () => {
    expect(await refusalOf(urlOf('nowhere'))).toMatch(/has no database "nowhere": create it, or name another/);
  });

  it('is named where nothing answers, or there is no such host', async () => {
    expect(await refusalOf('postgres://ann@127.0.0.1:1/x')).toMatch(/nothing answers as PostgreSQL at 127\.0\.0\.1:1 /);
    expect(await refusalOf('postgres://ann@no-such-host.invalid/x')).toBe(
      'there is no host "no-such-host.invalid": correct it in DATABASE_URL',
    );
  });

  it('tells of a wrong password without showing one', async () => {
    await onServer(['drop role if exists guarded', `create role guarded login password 'right'`]);
    const url = new URL(urlOf('postgres'));
    Object.assign(url, { username: 'guarded', password: 'wrong-one' });
    const refusal = await refusalOf(url.href);
    await onServer(['drop role guarded']);
    expect(refusal).toMatch(/refuses user "guarded" .*: give the right user and password in DATABASE_URL/);
    expect(refusal).not.toContain('wrong-one');
  });

  it('tells of a user who may not create tables', async () => {
    await onServer(['drop role if exists reader', 'create role reader login']);
    const url = new URL(urlOf('template1'));
    url.username = 'reader';
    const refusal = await refusalOf(url.href);
    await onServer(['drop role reader']);
    expect(refusal).toMatch(/user "reader" may not create tables in database "template1"/);
  });

  it('tells of a server that has no TLS where the address asks for it', async () => {
    expect(await refusalOf(`${urlOf('postgres')}&sslmode=verify-full`)).toMatch(/no safe connection to PostgreSQL at/);
  });

  it('tells of an address that cannot be read', async () => {
    expect(await refusalOf('postgres://ann@localhost/x?sslrootcert=/nowhere/ca.pem')).toMatch(
      /^DATABASE_URL cannot be used: /,
    );
  });
});

describe('a database that is opened', () => {
  it('answers searches in one process', async () => {
    const shown = await sql<Record<string, string>>`show max_parallel_workers_per_gather`.execute(await records.open());
    expect(shown.rows).toEqual([{ max_parallel_workers_per_gather: '0' }]);
  });

  it('by several programs at once for the first time is migrated once', async () => {
    const name = 'stillhouse_test_migrators';
    await onServer([`drop database if exists ${name} with (force)`, `create database ${name} template template0`]);
    const opened = await Promise.all(
      Array.from({ length: 5 }, () => openPostgres(urlOf(name), { connections: 1, migrate: true })),
    );
    const applied = opened.map(async (outcome) => {
      if (outcome.kind === 'refused') return outcome.message;
      const names = await outcome.database.selectFrom('migration').select('name').orderBy('name').execute();
      await outcome.database.destroy();
      return names.map((row) => row.name);
    });
    const expected = migrations.map((migration) => migration.name);
    expect(await Promise.all(applied)).toEqual(Array(5).fill(expected));
    await onServer([`drop database ${name} with (force)`]);
  });

  it('has texts in the order of their bytes, whatever its own order is', async () => {
    const database = await records.open();
    const keys = ['b', 'B', 'a', 'A', 'ä', '_', '1'];
    for (const key of keys) await database.insertInto('ingest').values({ run_id: key, last_key: '' }).execute();
    const ordered = await database.selectFrom('ingest').select('run_id').orderBy('run_id').execute();
    expect(ordered.map((row) => row.run_id)).toEqual(['1', 'A', 'B', '_', 'a', 'b', 'ä']);
  });
});

describe('connections', () => {
  /** As a restart of the server, a firewall or a frozen function does it. */
  const cutAll = (name: string) =>
    onServer([`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`]);
  const nameOf = async (database: Awaited<ReturnType<typeof records.open>>) =>
    (await sql<{ name: string }>`select current_database() as name`.execute(database)).rows[0]!.name;

  it('that were lost while idle are replaced', async () => {
    const database = await records.open();
    await cutAll(await nameOf(database));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await database.selectFrom('run').selectAll().execute()).toEqual([]);
  });

  it('that are lost within a transaction have it tried again', async () => {
    const database = await records.open();
    const name = await nameOf(database);
    let tries = 0;
    await inTransaction(database, async (transaction) => {
      tries += 1;
      await transaction.insertInto('ingest').values({ run_id: 'r', last_key: 'k' }).execute();
      if (tries === 1) await cutAll(name);
      await transaction.updateTable('ingest').set({ last_key: 'l' }).execute();
    });
    expect(tries).toBe(2);
    expect(await database.selectFrom('ingest').selectAll().execute()).toEqual([{ run_id: 'r', last_key: 'l' }]);
  });

  it('read whole numbers as numbers, and texts without the zero byte that PostgreSQL has not', async () => {
    const database = await records.open();
    const { rows } = await sql`select ${'a\0b'}::text as text, 4294967295::bigint as number`.execute(database);
    expect(rows).toEqual([{ text: 'a\uFFFDb', number: 4_294_967_295 }]);
  });
});
