import { DsqlSigner } from '@aws-sdk/dsql-signer';
import {
  CompiledQuery,
  type DatabaseConnection,
  PostgresDriver,
  type QueryId,
  type RootOperationNode,
  sql,
} from 'kysely';
import type { IndexBuilding } from './migrate';
import { type OpenedRecords, openPool, type PoolOptions, TextCompiler } from './postgres-pool';
import { retriedForLong } from './transaction';

export interface DsqlCluster {
  /** abcdefghijklmnop.dsql.eu-central-1.on.aws */
  host: string;
  region: string;
  /** A role of the database; `admin` may create tables. */
  user: string;
}

const port = 5432;
/** A cluster has this one database. */
const database = 'postgres';

/**
 * Opens the records in an Aurora DSQL cluster. Every connection gets a token of its own, signed with the credentials
 * of the process (a role's, in a function), and verifies the certificate and name of the server.
 */
export function openDsql({ host, region, user }: DsqlCluster, options: PoolOptions): Promise<OpenedRecords> {
  const signer = new DsqlSigner({ hostname: host, region });
  const password = () => (user === 'admin' ? signer.getDbConnectAdminAuthToken() : signer.getDbConnectAuthToken());
  const ssl = { rejectUnauthorized: true, servername: host };
  const config = { host, port, database, user, password, ssl };
  const server = {
    compiler: new DsqlCompiler(),
    target: { kind: 'dsql' as const, host, port, user, database },
    createDriver: (dialect: ConstructorParameters<typeof PostgresDriver>[0]) => new DsqlDriver(dialect),
    indexBuilding: dsqlIndexes,
  };
  return openPool(config, server, options);
}

/** The cluster that the address of a database names; null where it names another kind of server. */
export function parseDsqlUrl(url: string): DsqlCluster | null {
  const { hostname, username, password } = new URL(url);
  const region = /^[a-z0-9]+\.dsql[\w-]*\.([a-z0-9-]+)\.on\.aws$/.exec(hostname)?.[1];
  // With a password somebody made the token, and connects for as long as it is valid.
  if (region === undefined || password !== '') return null;
  return { host: hostname, region, user: username === '' ? 'admin' : decodeURIComponent(username) };
}

/** DSQL compares texts by their bytes anyway and takes no `collate`; it makes indexes in the background alone. */
export class DsqlCompiler extends TextCompiler {
  override compileQuery(node: RootOperationNode, queryId: QueryId): CompiledQuery {
    const compiled = super.compileQuery(node, queryId);
    return { ...compiled, sql: compiled.sql.replace(/^create index /, 'create index async ') };
  }
}

/** DSQL has one isolation level, that of snapshots, and documents no clause that names it. */
export class DsqlDriver extends PostgresDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin'));
  }
}

/**
 * DSQL makes an index in the background, by a job whose id it answers with. One that fails leaves an invalid index, which
 * no query uses and `if not exists` takes for one that is there.
 */
export const dsqlIndexes: IndexBuilding = {
  async finish(database, name, [row]) {
    const { job_id: jobId } = (row ?? {}) as { job_id?: string | null };
    if (jobId == null) return;
    const waited = await sql<{ done: boolean }>`select sys.wait_for_job(${jobId}) as done`.execute(database);
    if (waited.rows[0]?.done === true) return;
    throw new Error(`${name}: Aurora DSQL could not make it (job ${jobId}): see "select * from sys.jobs"`);
  },
  async dropInvalid(database) {
    // One that is being made is not valid yet.
    const underWay = await sql<{ job_id: string }>`
      select job_id from sys.jobs where status in ('submitted', 'processing')`.execute(database);
    for (const { job_id: jobId } of underWay.rows) await sql`select sys.wait_for_job(${jobId})`.execute(database);
    const invalid = await sql<{ name: string }>`
      select index.relname as name from pg_index
      join pg_class as index on index.oid = pg_index.indexrelid
      join pg_namespace on pg_namespace.oid = index.relnamespace
      where not pg_index.indisvalid and pg_namespace.nspname = current_schema()`.execute(database);
    const names = invalid.rows.map(({ name }) => name);
    for (const name of names) await retriedForLong(() => database.schema.dropIndex(name).ifExists().execute());
    return names;
  },
};
