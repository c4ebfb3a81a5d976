import type { Migration } from '../migration';

/** Which runs reached which rung of successive halving, in the order in which they did. */
export const successiveHalving: Migration = {
  name: '0005-successive-halving',
  statements: (schema) => [
    schema
      .createTable('rung_result')
      .ifNotExists()
      .addColumn('experiment_id', 'text', (column) => column.notNull())
      .addColumn('variant', 'text', (column) => column.notNull())
      .addColumn('epoch', 'integer', (column) => column.notNull())
      .addColumn('place', 'integer', (column) => column.notNull())
      .addColumn('run_id', 'text', (column) => column.notNull())
      .addColumn('value', 'double precision', (column) => column.notNull())
      .addColumn('goes_on', 'integer', (column) => column.notNull())
      .addColumn('decided_at', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('rung_result_key', ['experiment_id', 'variant', 'epoch', 'place']),
    schema.createIndex('rung_result_by_run_id').ifNotExists().on('rung_result').columns(['run_id', 'epoch']),
  ],
};
