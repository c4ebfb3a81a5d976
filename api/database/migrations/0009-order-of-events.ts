import type { Migration } from '../migration';

/**
 * What keeps events in order where nothing is locked: the ends of operations that overtook their beginnings, and the
 * places of changes of runs in the order in which they are seen, with the clock of each experiment that gives them.
 */
export const orderOfEvents: Migration = {
  name: '0009-order-of-events',
  statements: (schema) => [
    schema.alterTable('connection_operation').addColumn('ended_at', 'text'),
    schema
      .createTable('run_change')
      .ifNotExists()
      .addColumn('run_id', 'text', (column) => column.primaryKey())
      .addColumn('experiment_id', 'text', (column) => column.notNull())
      .addColumn('revision', 'integer', (column) => column.notNull())
      .addColumn('at', 'text', (column) => column.notNull()),
    schema
      .createIndex('run_change_by_experiment_id_at_run_id')
      .ifNotExists()
      .on('run_change')
      .columns(['experiment_id', 'at', 'run_id']),
    schema
      .createTable('run_change_clock')
      .ifNotExists()
      .addColumn('experiment_id', 'text', (column) => column.primaryKey())
      .addColumn('at', 'text', (column) => column.notNull()),
  ],
};
