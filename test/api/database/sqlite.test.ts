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
});
