import type { DataTypeNode } from 'kysely';
import { Client } from 'pg';
import { type OpenedRecords, openPool, type PoolOptions, TextCompiler } from './postgres-pool';

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
  return openPool({ connectionString: url }, new BytewiseCompiler(), { host, port, user, database }, options);
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
