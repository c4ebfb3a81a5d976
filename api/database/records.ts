import { dataPaths } from '../shared/data-directory';
import type { OpenedRecords } from './postgres-pool';
import { openSqlite } from './sqlite';

/** Connections of a server: requests, ingest and subscriptions wait for each other only above this. */
const serverConnections = 10;

/**
 * Opens the records and migrates them to the newest schema: a PostgreSQL or Aurora DSQL database, else one SQLite file
 * in the data directory.
 */
export async function openRecords({
  databaseUrl,
  dataDirectory,
}: {
  /** null: SQLite. */
  databaseUrl: string | null;
  dataDirectory: string;
}): Promise<OpenedRecords> {
  if (databaseUrl === null) return openFile(dataPaths(dataDirectory).records, dataDirectory);
  const options = { connections: serverConnections, migrate: true };
  // Loaded where they are used: one machine starts faster without.
  const { openDsql, parseDsqlUrl } = await import('./dsql');
  const cluster = parseDsqlUrl(databaseUrl);
  if (cluster !== null) return openDsql(cluster, options);
  const { openPostgres } = await import('./postgres');
  return openPostgres(databaseUrl, options);
}

async function openFile(path: string, dataDirectory: string): Promise<OpenedRecords> {
  try {
    return { kind: 'opened', database: await openSqlite(path) };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (!code?.startsWith('SQLITE_')) throw error;
    const rebuild = `npm run reindex -- --data ${dataDirectory} makes it anew of the stored runs, and keeps this one beside it`;
    const advice: Record<string, string> = {
      SQLITE_FULL: 'free some space',
      SQLITE_NOTADB: rebuild,
      SQLITE_CORRUPT: rebuild,
    };
    const usable = 'see that it and its folder can be read and written';
    return { kind: 'refused', message: `${path} cannot be used (${message}): ${advice[code] ?? usable}` };
  }
}
