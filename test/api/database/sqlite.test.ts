import { join } from 'node:path';
import { sql } from 'kysely';
import { openSqlite } from '../../../api/database/sqlite';
import { useTestFolder } from '../../testkit/test-folder';

describe('the records in SQLite', () => {
  const folder = useTestFolder();

  it('say that the disk is full, take the transaction back, and go on when there is room', async () => {
    const database = await openSqlite(join(folder.path(), 'records.sqlite'));
    const keep = (key: string, sizeBytes: number) =>
      database.transaction().execute(async (transaction) => {
        const row = { key, mutation: 'x', body_hash: 'x', created_at: 'x' };
        await transaction
          .insertInto('idempotency')
          .values({ ...row, response: 'x' })
          .execute();
        await transaction
          .insertInto('idempotency')
          .values({ ...row, key: `${key}-large`, response: 'x'.repeat(sizeBytes) })
          .execute();
      });
    const keys = async () =>
      (await database.selectFrom('idempotency').select('key').orderBy('key').execute()).flatMap(Object.values);
    // What a full disk is to SQLite: the file may not grow any more.
    const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(database);
    await sql`PRAGMA max_page_count = ${sql.raw(String(rows[0]!.page_count))}`.execute(database);

    await expect(keep('first', 1_000_000)).rejects.toMatchObject({ code: 'SQLITE_FULL' });
    expect(await keys()).toEqual([]);
    await sql`PRAGMA max_page_count = 1000000`.execute(database);
    await keep('second', 1_000_000);
    expect(await keys()).toEqual(['second', 'second-large']);
    await database.destroy();
  });

  describe('with statements that stay prepared', () => {
    const open = () => openSqlite(join(folder.path(), 'records.sqlite'));

    it('bind the values of each execution, null included, and answer for them alone', async () => {
      const database = await open();
      const store = (id: string, name: string | null) =>
        sql`insert into "run_parameter" values (${id}, 'alpha', null, ${name ?? 'none'})`.execute(database);
      const find = async (id: string, name: string | null) =>
        (
          await sql<{
            run_id: string;
          }>`select run_id from run_parameter where run_id = ${id} and text = ${name}`.execute(database)
        ).rows;
      await store('a', 'x');
      await store('b', null);
      expect(await find('a', 'x')).toEqual([{ run_id: 'a' }]);
      expect(await find('b', 'x')).toEqual([]);
      expect(await find('a', null)).toEqual([]);
      expect(await find('b', 'none')).toEqual([{ run_id: 'b' }]);
      await database.destroy();
    });

    it('work again after they failed, and after the transaction they ran in was taken back', async () => {
      const database = await open();
      const insert = (key: string) => database.insertInto('ingest').values({ run_id: key, last_key: 'k' }).execute();
      await insert('a');
      await expect(insert('a')).rejects.toMatchObject({ code: /^SQLITE_CONSTRAINT/ });
      await insert('b');
      await expect(
        database.transaction().execute(async (transaction) => {
          await transaction.insertInto('ingest').values({ run_id: 'c', last_key: 'k' }).execute();
          throw new Error('taken back');
        }),
      ).rejects.toThrow('taken back');
      await insert('c');
      const rows = await database.selectFrom('ingest').select('run_id').orderBy('run_id').execute();
      expect(rows.map(({ run_id }) => run_id)).toEqual(['a', 'b', 'c']);
      await database.destroy();
    });

    it('see columns that were added, and tables that were made anew, since they were prepared', async () => {
      const database = await open();
      const all = () => sql`select * from ingest`.execute(database).then(({ rows }) => rows);
      await database.insertInto('ingest').values({ run_id: 'a', last_key: 'k' }).execute();
      expect(await all()).toEqual([{ run_id: 'a', last_key: 'k' }]);
      await sql`alter table ingest add column extra text`.execute(database);
      expect(await all()).toEqual([{ run_id: 'a', last_key: 'k', extra: null }]);
      await sql`drop table ingest`.execute(database);
      await expect(all()).rejects.toThrow(/no such table/);
      await sql`create table ingest (other integer)`.execute(database);
      await sql`insert into ingest values (7)`.execute(database);
      expect(await all()).toEqual([{ other: 7 }]);
      await database.destroy();
    });

    it('are prepared anew after more others than are kept', async () => {
      const database = await open();
      const answer = async (number: number) =>
        (await sql<{ n: number }>`select ${sql.lit(number)} as n`.execute(database)).rows[0]?.n;
      for (let number = 0; number < 1200; number++) expect(await answer(number)).toBe(number);
      expect(await answer(0)).toBe(0);
      await database.destroy();
    });

    it('answer one at a time where several ask at once', async () => {
      const database = await open();
      const numbers = Array.from({ length: 50 }, (_, at) => at);
      const found = await Promise.all(
        numbers.map((number) => sql<{ n: number }>`select ${number} + 0 as n`.execute(database)),
      );
      expect(found.map(({ rows }) => rows[0]?.n)).toEqual(numbers);
      await database.destroy();
    });
  });
});
