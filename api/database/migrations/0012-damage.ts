import type { Migration } from '../migration';

/** Damaged objects of each run, and the identity of these records, which the object store names as their owner. */
export const damage: Migration = {
  name: '0012-damage',
  statements: (schema) => [
    schema.alterTable('run').addColumn('damage', 'text'),
    schema
      .createTable('records_owner')
      .ifNotExists()
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('created_at', 'text', (column) => column.notNull()),
  ],
};
