import {
  CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
} from 'kysely';
import { DsqlCompiler, DsqlDriver, dsqlIndexes, parseDsqlUrl } from '../../../api/database/dsql';
import { migrate, migrations } from '../../../api/database/migrate';
import type { Tables } from '../../../api/database/tables';

describe('the address of a database', () => {
  it('names an Aurora DSQL cluster with its region and role, admin where it says none', () => {
    const host = 'abcdefghijklmnopqrstuvwxyz.dsql.eu-central-1.on.aws';
    expect(parseDsqlUrl(`postgres://${host}/postgres`)).toEqual({ host, region: 'eu-central-1', user: 'admin' });
    expect(parseDsqlUrl(`postgresql://reader@${host}:5432/postgres`)).toMatchObject({ user: 'reader' });
  });

  it.each([
    'postgres://ann:secret@db.example.org/stillhouse',
    'postgres:///stillhouse?host=/run/postgresql',
    'postgres://admin:a-token@abc.dsql.eu-central-1.on.aws/postgres',
    'postgres://ann@abc.dsql.eu-central-1.on.aws.example.org/postgres',
  ])('is that of another PostgreSQL where it is %s', (url) => {
    expect(parseDsqlUrl(url)).toBeNull();
  });
});

/** Records that answer every statement as told, and keep what they were asked. */
function answering(answer: (sql: string) => unknown[]): { database: Kysely<Tables>; asked: string[] } {
  const asked: string[] = [];
  const connection: DatabaseConnection = {
    async executeQuery({ sql }: CompiledQuery) {
      asked.push(sql);
      return { rows: answer(sql) as never[] };
    },
    // biome-ignore lint/correctness/useYield: nothing streams here
    async *streamQuery() {
      throw new Error('nothing streams here');
    },
  };
  class Driver extends DummyDriver {
    override async acquireConnection() {
      return connection;
    }
  }
  const database = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new Driver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new DsqlCompiler(),
    },
  });
  return { database, asked };
}

describe('transactions on Aurora DSQL', () => {
  it('begin without naming an isolation level, which its grammar does not have', async () => {
    const statements: string[] = [];
    const driver = new DsqlDriver({ pool: {} as never });
    await driver.beginTransaction({
      executeQuery: async ({ sql }: CompiledQuery) => {
        statements.push(sql);
        return { rows: [] };
      },
    } as never);
    expect(statements).toEqual(['begin']);
  });
});

describe('indexes on Aurora DSQL', () => {
  const isWait = (sql: string) => sql.includes('wait_for_job');
  const isIndex = (sql: string) => sql.startsWith('create index async ');
  const jobOf = (sql: string) => (isIndex(sql) ? [{ job_id: 'job' }] : isWait(sql) ? [{ done: true }] : []);

  it('are waited for, one before the next', async () => {
    const { database, asked } = answering(jobOf);
    expect(await migrate(database, dsqlIndexes)).toEqual([]);
    const places = asked.flatMap((sql, place) => (isIndex(sql) ? place : []));
    expect(places.length).toBeGreaterThan(15);
    for (const place of places) expect(isWait(asked[place + 1]!)).toBe(true);
  });

  it('that cannot be made stop the deploy, with where to look', async () => {
    const { database } = answering((sql) => (isWait(sql) ? [{ done: false }] : jobOf(sql)));
    await expect(migrate(database, dsqlIndexes)).rejects.toThrow(
      /could not make it \(job job\): see "select \* from sys.jobs"/,
    );
  });

  it('that an earlier deploy left invalid are dropped and made again, all else is left', async () => {
    const done = migrations.map(({ name }) => ({ name }));
    const { database, asked } = answering((sql) =>
      sql.includes('indisvalid') ? [{ name: 'run_by_state' }] : /from "migration"/.test(sql) ? done : jobOf(sql),
    );
    await migrate(database, dsqlIndexes);
    expect(asked.filter((sql) => sql.startsWith('drop'))).toEqual(['drop index if exists "run_by_state"']);
    expect(asked.filter(isIndex).every((sql) => sql.includes('if not exists'))).toBe(true);
    expect(asked.filter((sql) => /^(create table|alter)/.test(sql))).toEqual([expect.stringContaining('"migration"')]);
  });
});

describe('records that a newer version has migrated', () => {
  it('are taken by an older one, which says what it does not know', async () => {
    const done = [...migrations.map(({ name }) => ({ name })), { name: '9999-of-tomorrow' }];
    const { database } = answering((sql) => (/from "migration"/.test(sql) ? done : []));
    expect(await migrate(database)).toEqual(['9999-of-tomorrow']);
  });
});
