import type { Migration } from '../migration';

/** The runs in the order of a metric's least, greatest or mean value, as `0001-initial` has them for `last` and `best`. */
export const ordersByMetrics: Migration = {
  name: '0014-orders-by-metrics',
  statements: (schema) =>
    ['min', 'max', 'mean'].map((column) =>
      schema
        .createIndex(`summary_metric_by_name_${column}_run_id`)
        .ifNotExists()
        .on('summary_metric')
        .columns(['name', column, 'run_id']),
    ),
};
