import type { Migration } from '../migration';

/**
 * What a run has of a metric or a hyper-parameter, one after the other in the order of the runs, so that it is looked
 * up without its row, and next to what was looked up before where runs are gone through in order.
 */
export const valuesByRun: Migration = {
  name: '0008-values-by-run',
  statements: (schema) => [
    schema
      .createIndex('summary_metric_by_name_run_id')
      .ifNotExists()
      .on('summary_metric')
      .columns(['name', 'run_id', 'last', 'best', 'min', 'max', 'sum', 'count']),
    schema
      .createIndex('run_parameter_by_name_run_id')
      .ifNotExists()
      .on('run_parameter')
      .columns(['name', 'run_id', 'number', 'text']),
  ],
};
