import type { Compilable, Kysely, SchemaModule } from 'kysely';
import type { Tables } from './tables';

/**
 * One step forward of the schema; there is no way back. Each statement contains `if not exists` (SQLite lacks it for
 * columns, so `migrate` checks for those) and runs in a transaction of its own, since Aurora DSQL allows one DDL
 * statement a transaction. A migration that was cut off is simply run again.
 */
export interface Migration {
  name: string;
  statements(schema: SchemaModule): SchemaStatement[];
  /**
   * Computes values of the rows that are stored already, behind the statements. Skips rows that have the right values,
   * so that it can be cut off and repeated.
   */
  fill?(database: Kysely<Tables>): Promise<void>;
}

export interface SchemaStatement extends Compilable {
  execute(): Promise<unknown>;
}
