import { type Kysely, SqliteAdapter } from 'kysely';
import type { Tables } from './tables';

/** What looks a row up: SQLite in the process, in less than a microsecond; a server takes some, but makes tables of hashes. */
export const engineOf = (database: Kysely<Tables>): 'sqlite' | 'server' =>
  database.getExecutor().adapter instanceof SqliteAdapter ? 'sqlite' : 'server';
