import {
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';
import type { Tables } from '../../../api/database/tables';
import { inTransaction } from '../../../api/database/transaction';
import { useTestRecords } from '../../testkit/records';

const records = useTestRecords();

describe('a transaction', () => {
  it('is carried out as if alone, however many want the same row', async () => {
    const database = await records.open();
    await database.insertInto('ingest').values({ run_id: 'r', last_key: '0' }).execute();
    const increment = () =>
      inTransaction(database, async (transaction) => {
        const { last_key } = await transaction.selectFrom('ingest').selectAll().executeTakeFirstOrThrow();
        await transaction
          .updateTable('ingest')
          .set({ last_key: String(Number(last_key) + 1) })
          .execute();
      });
    await Promise.all(Array.from({ length: 10 }, increment));
    expect(await database.selectFrom('ingest').select('last_key').execute()).toEqual([{ last_key: '10' }]);
  });

  it('leaves nothing of itself where it fails, and is not tried again', async () => {
    const database = await records.open();
    let tries = 0;
    const failing = inTransaction(database, async (transaction) => {
      tries += 1;
      await transaction.insertInto('ingest').values({ run_id: 'r', last_key: '0' }).execute();
      await transaction.insertInto('ingest').values({ run_id: 'r', last_key: '0' }).execute();
    });
    await expect(failing).rejects.toThrow(/unique/i);
    expect(tries).toBe(1);
    expect(await database.selectFrom('ingest').selectAll().execute()).toEqual([]);
  });

  it('sees one state of the records from its beginning to its end', async () => {
    const database = await records.open();
    let writing: Promise<unknown> = Promise.resolve();
    const counts = await inTransaction(database, async (transaction) => {
      const before = await transaction.selectFrom('ingest').selectAll().execute();
      // Waits its turn on SQLite, which has one connection, and is committed at once on PostgreSQL.
      writing = database.insertInto('ingest').values({ run_id: 'r', last_key: 'k' }).execute();
      await new Promise((resolve) => setTimeout(resolve, 100));
      return [before.length, (await transaction.selectFrom('ingest').selectAll().execute()).length];
    });
    await writing;
    expect(counts).toEqual([0, 0]);
  });
});

/** Records whose transactions end as told: `commit` is called for each commit. */
function committing(commit: () => void): Kysely<Tables> {
  class Driver extends DummyDriver {
    override async commitTransaction(): Promise<void> {
      commit();
    }
    override async acquireConnection(): Promise<DatabaseConnection> {
      return super.acquireConnection();
    }
  }
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new Driver(),
      createIntrospector: (database) => new PostgresIntrospector(database),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

const failing = (code: string) => Object.assign(new Error(code), { code });

describe('a commit', () => {
  it('that was sent and not answered is not sent again: it may have been carried out', async () => {
    let works = 0;
    const database = committing(() => {
      throw failing('ECONNRESET');
    });
    const outcome = inTransaction(database, async () => {
      works += 1;
    });
    await expect(outcome).rejects.toThrow('whether it was carried out is not known');
    expect(works).toBe(1);
  });

  it('that lost against another transaction is done again with all its work', async () => {
    let works = 0;
    const database = committing(() => {
      if (works < 3) throw failing('40001');
    });
    await inTransaction(database, async () => {
      works += 1;
    });
    expect(works).toBe(3);
  });
});
