import { dataPaths } from '../data-directory';
import type { Settings } from '../env';
import type { OpenedRecords } from './postgres-pool';
import { openSqlite } from './sqlite';

/** Connections of a server: requests, ingest and subscriptions wait for each other only above this. */
const serverConnections = 10;

/**
 * Opens the records that the settings name, brought to the newest schema: a PostgreSQL or Aurora DSQL database, else
 * one SQLite file in the data directory.
 */
export async function openRecords({
  databaseUrl,
  dataDirectory,
}: Pick<Settings, 'databaseUrl' | 'dataDirectory'>): Promise<OpenedRecords> {
  if (databaseUrl === null) return { kind: 'opened', database: await openSqlite(dataPaths(dataDirectory).records) };
  const options = { connections: serverConnections, migrate: true };
  // Loaded where they are used: one machine starts faster without.
  const { openDsql, parseDsqlUrl } = await import('./dsql');
  const cluster = parseDsqlUrl(databaseUrl);
  if (cluster !== null) return openDsql(cluster, options);
  const { openPostgres } = await import('./postgres');
  return openPostgres(databaseUrl, options);
}
