import type { Migration } from '../migration';

/** WebSocket connections of the functions, which remember nothing themselves, and the operations on them. */
export const connections: Migration = {
  name: '0004-connections',
  statements: (schema) => [
    schema
      .createTable('connection')
      .ifNotExists()
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('viewer_name', 'text', (column) => column.notNull())
      .addColumn('viewer_role', 'text', (column) => column.notNull())
      .addColumn('acknowledged', 'integer', (column) => column.notNull())
      .addColumn('expires_at', 'text', (column) => column.notNull()),
    schema
      .createTable('connection_operation')
      .ifNotExists()
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('connection_id', 'text', (column) => column.notNull())
      .addColumn('client_id', 'text', (column) => column.notNull())
      .addColumn('topic', 'text', (column) => column.notNull())
      .addColumn('query', 'text', (column) => column.notNull())
      .addColumn('operation_name', 'text')
      .addColumn('variables', 'text', (column) => column.notNull())
      .addColumn('position', 'text'),
    ...[
      { table: 'connection', columns: ['expires_at'] },
      { table: 'connection_operation', columns: ['connection_id'] },
      { table: 'connection_operation', columns: ['topic'] },
    ].map(({ table, columns }) =>
      schema
        .createIndex(`${table}_by_${columns.join('_')}`)
        .ifNotExists()
        .on(table)
        .columns(columns),
    ),
  ],
};
