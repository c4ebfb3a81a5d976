import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Kysely, KyselyPlugin } from 'kysely';
import { Client } from 'pg';
import { DsqlCompiler } from '../../api/database/dsql';
import { openPostgres } from '../../api/database/postgres';
import { openSqlite } from '../../api/database/sqlite';
import type { Tables } from '../../api/database/tables';
import { useTestFolder } from './test-folder';

declare global {
  /** Set where jest runs the tests of the records once more, on PostgreSQL. */
  var recordsEngine: 'postgres' | undefined;
}

export const engine = globalThis.recordsEngine ?? 'sqlite';

export interface TestRecords {
  /** Records of their own, empty; closed and removed after the test. */
  open(): Promise<Kysely<Tables>>;
}

/** Records for each test, on the engine under test. Call it at the top of a test file or a describe. */
export function useTestRecords(): TestRecords {
  const folder = useTestFolder();
  const opened: Kysely<Tables>[] = [];
  const databases: string[] = [];
  afterEach(async () => {
    for (const records of opened.splice(0)) await records.destroy();
    await onServer(databases.splice(0).map((name) => `drop database "${name}" with (force)`));
  });
  return {
    async open() {
      const name = `stillhouse_test_${randomBytes(8).toString('hex')}`;
      const records =
        engine === 'sqlite'
          ? (await openSqlite(join(folder.path(), `${name}.sqlite`))).withPlugin(refuseEmptyLists)
          : await openDatabase(name, databases);
      opened.push(records);
      return records;
    },
  };
}

async function openDatabase(name: string, databases: string[]): Promise<Kysely<Tables>> {
  await onServer([`create database "${name}" template template0`]);
  databases.push(name);
  const records = await openPostgres(urlOf(name), { connections: 5, migrate: true });
  if (records.kind === 'refused') throw new Error(records.message);
  return records.database.withPlugin(refuseWhatDsqlHasNot);
}

/** SQLite takes `in ()`, the others do not: a query without values must leave the condition out. */
const refuseEmptyLists: KyselyPlugin = {
  transformQuery({ node, queryId }) {
    const { sql } = new DsqlCompiler().compileQuery(node, queryId);
    if (/ in \(\)/.test(sql)) throw new Error(`PostgreSQL takes no empty list: ${sql}`);
    return node;
  },
  transformResult: async ({ result }) => result,
};

/** What of PostgreSQL's SQL Aurora DSQL does not have, or has in other words, as far as a query could come to use it. */
const notInDsql =
  /\b(savepoint|truncate|temp|temporary|jsonb?\w*|nextval|pg_advisory\w*|listen|notify|lock|copy|merge|vacuum|collate|for share|create|alter)\b|->/i;

/** Holds every query of every test on PostgreSQL to what Aurora DSQL supports. */
const refuseWhatDsqlHasNot: KyselyPlugin = {
  transformQuery({ node, queryId }) {
    const { sql } = new DsqlCompiler().compileQuery(node, queryId);
    const found = notInDsql.exec(sql.replaceAll(/"[^"]*"/g, '""'));
    if (found) throw new Error(`Aurora DSQL has no ${found[0]}: ${sql}`);
    return node;
  },
  transformResult: async ({ result }) => result,
};

const serverUrl = (): string => process.env.STILLHOUSE_TEST_DATABASE_URL ?? '';

/** The address of another database of the same server. */
export function urlOf(database: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${database}`;
  return url.href;
}

/** Carries out statements of the server itself, each in a transaction of its own. */
export async function onServer(statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return;
  const client = new Client({ connectionString: serverUrl() });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}
