import type { Compilable, SchemaModule } from 'kysely';

/**
 * One step forward of the schema; there is no way back. Every statement says `if not exists` (for a column, which SQLite cannot say it of, `migrate` does) and runs in a
 * transaction of its own (Aurora DSQL allows one DDL statement a transaction), so a migration that was cut off
 * is simply run again.
 */
export interface Migration {
  name: string;
  statements(schema: SchemaModule): SchemaStatement[];
}

export interface SchemaStatement extends Compilable {
  execute(): Promise<unknown>;
}
