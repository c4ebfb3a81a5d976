import {
  CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
} from 'kysely';
import { z } from 'zod';
import { DsqlCompiler, DsqlDriver, dsqlIndexes, parseDsqlUrl } from '../../../api/database/dsql';
import { migrate, migrations } from '../../../api/database/migrate';
import { postgresRefusal } from '../../../api/database/postgres-refusal';
import type { Tables } from '../../../api/database/tables';
import { confusionName, longestLabelBytes } from '../../../contract/metric-names';
import { parametersSchema } from '../../../contract/parameters';

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

describe('a cluster that cannot be opened', () => {
  const target = {
    kind: 'dsql' as const,
    host: 'abc.dsql.eu-west-1.on.aws',
    port: 5432,
    user: 'stillhouse',
    database: 'postgres',
  };
  const refusalOf = (code: string, message = 'no') =>
    postgresRefusal(Object.assign(new Error(message), { code }), target);

  it.each([
    ['28000', /refuses user "stillhouse".*dsql:DbConnect .*aws iam grant/],
    ['28P01', /refuses user "stillhouse".*dsql:DbConnect /],
    ['3D000', /the database "postgres" alone/],
    ['42501', /admin alone changes the schema/],
    ['53300', /Service Quotas, Aurora DSQL/],
    ['ENOTFOUND', /was the cluster deleted, or is it in another region/],
    ['ETIMEDOUT', /nothing answers as Aurora DSQL at abc.dsql.eu-west-1.on.aws /],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /is a proxy in between/],
    ['XX000', /^cannot open database "postgres" of Aurora DSQL at /],
  ])('by %s names what to do on AWS, and no option of a local server', (code, expected) => {
    expect(refusalOf(code)).toMatch(expected);
    expect(refusalOf(code)).not.toMatch(/DATABASE_URL|sslmode|max_connections|password/);
  });
});

/** Most bytes of the columns of a primary key or an index, by the page on quotas of Aurora DSQL. */
const keyBytes = 1024;
/** Of every number in a key, its header and what stands between columns: generous. */
const numberBytes = 16;
const longestRunId = 'r'.repeat(64);

describe('keys of indexes on Aurora DSQL', () => {
  it('have room for every value of every hyper-parameter', () => {
    for (const [name, schema] of Object.entries(parametersSchema.shape)) {
      const text = widest(schema as z.ZodType);
      const bytes = Buffer.byteLength(`${longestRunId}${name}${text}`) + numberBytes;
      expect([name, text.length > 0, bytes <= keyBytes]).toEqual([name, true, true]);
    }
  });

  it('have room for the names of the metrics of the longest labels that a trainer takes', () => {
    const label = '\u{1F600}'.repeat(longestLabelBytes / 4);
    const name = confusionName('test', label, label);
    // summary_metric_by_name_run_id has six numbers beside them.
    const bytes = Buffer.byteLength(`${longestRunId}${name}`) + 6 * numberBytes;
    expect([bytes, bytes <= keyBytes]).toEqual([bytes, true]);
  });
});

/** The longest text of a value that a schema takes, as `parameterRows` writes it. */
function widest(schema: z.ZodType): string {
  const longest = (texts: readonly string[]) => texts.reduce((a, b) => (b.length > a.length ? b : a), '');
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return widest(schema.def.innerType as z.ZodType);
  if (schema instanceof z.ZodNullable) return longest(['null', widest(schema.def.innerType as z.ZodType)]);
  if (schema instanceof z.ZodEnum) return longest(schema.options.map(String));
  if (schema instanceof z.ZodBoolean) return 'false';
  if (schema instanceof z.ZodNumber) return '-1.7976931348623157e+308';
  if (schema instanceof z.ZodArray) {
    // The schema's own check refuses repeated elements.
    const element = schema.element as z.ZodType;
    if (element instanceof z.ZodEnum) return JSON.stringify(element.options);
    const { minValue, maxValue } = element as z.ZodInt;
    const every = Array.from({ length: maxValue! - minValue! + 1 }, (_, place) => minValue! + place);
    expect([schema.safeParse(every).success, schema.safeParse([...every, every[0]]).success]).toEqual([true, false]);
    return JSON.stringify(every);
  }
  if (schema instanceof z.ZodUnion) return longest(schema.options.map((option) => widest(option as z.ZodType)));
  throw new Error(`the widest value of ${schema.def.type} is not known here`);
}

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
