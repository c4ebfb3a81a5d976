import { DsqlSigner } from '@aws-sdk/dsql-signer';
import type { CompiledQuery, QueryId, RootOperationNode } from 'kysely';
import { type OpenedRecords, openPool, type PoolOptions, TextCompiler } from './postgres-pool';

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
  return openPool(config, { compiler: new DsqlCompiler(), target: { host, port, user, database } }, options);
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
