import type { Migration } from '../migration';

/** Servers that share the records, and which of them carries out which attempt. */
export const team: Migration = {
  name: '0007-team',
  statements: (schema) => [
    schema
      .createTable('server')
      .ifNotExists()
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('host', 'text', (column) => column.notNull())
      .addColumn('objects', 'text', (column) => column.notNull())
      .addColumn('lease_milliseconds', 'integer', (column) => column.notNull())
      .addColumn('beat', 'bigint', (column) => column.notNull())
      .addColumn('started_at', 'text', (column) => column.notNull()),
    schema
      .createTable('attempt_server')
      .ifNotExists()
      .addColumn('run_id', 'text', (column) => column.notNull())
      .addColumn('number', 'integer', (column) => column.notNull())
      .addColumn('server_id', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('attempt_server_key', ['run_id', 'number']),
  ],
};
