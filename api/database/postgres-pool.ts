import {
  CompiledQuery,
  type Driver,
  Kysely,
  PostgresDialect,
  type PostgresDialectConfig,
  type PostgresPool,
  PostgresQueryCompiler,
} from 'kysely';
import { Pool, type PoolClient, type PoolConfig, types } from 'pg';
import { type IndexBuilding, migrate } from './migrate';
import { postgresRefusal, type Target } from './postgres-refusal';
import type { Tables } from './tables';

/** Records that are open, or why they cannot be opened, for a person. */
export type OpenedRecords = { kind: 'opened'; database: Kysely<Tables> } | { kind: 'refused'; message: string };

export interface PoolOptions {
  /** Connections at most: 1 or 2 in a function that answers one request at a time, more in a server. */
  connections: number;
  /** Bring the schema to the newest version first; false where a step of the deployment does. */
  migrate: boolean;
}

const connectTimeoutMilliseconds = 10_000;
/** A limit on everything: a search takes milliseconds, an index on a large table minutes. */
const queryTimeoutMilliseconds = 300_000;
/** Aurora DSQL ends a connection after 60 minutes; proxies and firewalls on the way may do so too. */
const lifetimeSeconds = 45 * 60;
const idleTimeoutMilliseconds = 5 * 60_000;
/** After so long without use a connection is tried before it is relied on. */
const triedAfterMilliseconds = 5_000;
const trialTimeoutMilliseconds = 3_000;
/** Type of 64-bit whole numbers, which `pg` reads as text: those of the records (seeds, bytes, counts) are exact. */
const int8 = 20;

/** In what servers that speak PostgreSQL's protocol differ. */
export interface Server {
  compiler: PostgresQueryCompiler;
  target: Target;
  /** A statement that every new connection begins with. */
  begin?: string;
  /** Another way of working with connections than PostgreSQL's. */
  createDriver?: (config: PostgresDialectConfig) => Driver;
  /** How indexes are made, where that takes more than their statement. */
  indexBuilding?: IndexBuilding;
}

/** Opens the records behind a pool of connections, and tries the first one. */
export async function openPool(
  config: PoolConfig,
  { compiler, target, begin, createDriver, indexBuilding }: Server,
  { connections, migrate: migrates }: PoolOptions,
): Promise<OpenedRecords> {
  const pool = new Pool({
    application_name: 'stillhouse',
    keepAlive: true,
    connectionTimeoutMillis: connectTimeoutMilliseconds,
    query_timeout: queryTimeoutMilliseconds,
    idleTimeoutMillis: idleTimeoutMilliseconds,
    maxLifetimeSeconds: lifetimeSeconds,
    types: { getTypeParser: (id, format) => (id === int8 ? Number : types.getTypeParser(id, format)) },
    ...config,
    max: connections,
  });
  // Without a listener, an error of a connection between two queries would end the process. The pool drops one that is
  // lost while idle; one that is lost in use fails its next query.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const dialectConfig: PostgresDialectConfig = {
    pool: withTrials(pool),
    onCreateConnection: async (connection) => {
      if (begin !== undefined) await connection.executeQuery(CompiledQuery.raw(begin));
    },
  };
  const dialect = new PostgresDialect(dialectConfig);
  dialect.createQueryCompiler = () => compiler;
  if (createDriver !== undefined) dialect.createDriver = () => createDriver(dialectConfig);
  const database = new Kysely<Tables>({ dialect });
  try {
    (await pool.connect()).release();
    const unknown = migrates ? await migrate(database, indexBuilding) : [];
    if (unknown.length > 0)
      console.warn(`a newer version has migrated these records (${unknown.join(', ')}): this one works with the rest`);
    return { kind: 'opened', database };
  } catch (error) {
    await database.destroy();
    await pool.end().catch(() => {});
    return { kind: 'refused', message: postgresRefusal(error as Error, target) };
  }
}

/**
 * Connections that work. One that was not used for a while may be gone without a word (a function that was frozen, a
 * firewall, a server that was started again): it is tried first, and replaced.
 */
function withTrials(pool: Pool): PostgresPool {
  const usedAt = new WeakMap<PoolClient, number>();
  const connect = async (): Promise<PoolClient> => {
    for (;;) {
      const client = await pool.connect();
      const used = usedAt.get(client);
      usedAt.set(client, Date.now());
      if (used === undefined || Date.now() - used < triedAfterMilliseconds) return client;
      // `pg` takes the limit of a single query too, which its types do not tell.
      const trial = { text: 'select 1', query_timeout: trialTimeoutMilliseconds };
      try {
        await client.query(trial);
        return client;
      } catch {
        client.release(true);
      }
    }
  };
  return { connect, end: () => pool.end() } as PostgresPool;
}

/** PostgreSQL has no zero byte in a text, which the last words of a process that died may contain. */
export class TextCompiler extends PostgresQueryCompiler {
  protected override addParameter(parameter: unknown): void {
    super.addParameter(typeof parameter === 'string' ? parameter.replaceAll('\0', '\uFFFD') : parameter);
  }
}
