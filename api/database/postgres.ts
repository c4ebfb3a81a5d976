import type { DataTypeNode } from 'kysely';
import { Client } from 'pg';
import { type OpenedRecords, openPool, type PoolOptions, TextCompiler } from './postgres-pool';

/**
 * Searches take milliseconds: to start a process that helps takes longer, and has them wait where both cores are busy (66 ms
 * instead of 43 at the 99th percentile for orders against the filter, on two cores; only what sorts everything gains by it).
 */
const begin = 'set max_parallel_workers_per_gather = 0';

/**
 * Opens the records in a PostgreSQL database, 13 or newer.
 * @param url as libpq takes it: postgres://user:password@host:5432/database
 */
export async function openPostgres(url: string, options: PoolOptions): Promise<OpenedRecords> {
  let parsed: Client;
  try {
    parsed = new Client({ connectionString: url });
  } catch (error) {
    return { kind: 'refused', message: `DATABASE_URL cannot be used: ${(error as Error).message}` };
  }
  const { host, port, user = '', database = '' } = parsed;
  const target = { kind: 'postgresql' as const, host, port, user, database };
  return openPool({ connectionString: url }, { compiler: new BytewiseCompiler(), target, begin }, options);
}

/**
 * Texts are compared by their bytes, as SQLite and Aurora DSQL do, whatever the collation of the database is: pages
 * end and begin at a text, and lower case is that of ASCII alone.
 */
export class BytewiseCompiler extends TextCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    super.visitDataType(node);
    if (node.dataType === 'text') this.append(' collate "C"');
  }
}
