import type { SchemaModule } from 'kysely';
import type { Migration } from '../migration';

/**
 * Column types of the common subset: `bigint` where a value may pass 2^31 (seeds, bytes), `double precision`
 * because `real` is 4 bytes wide on PostgreSQL. Indexes end in the run's id where keyset pagination orders by it.
 */
export const initial: Migration = {
  name: '0001-initial',
  statements: (schema) => [
    ...experimentTables(schema),
    runTable(schema),
    ...runDetailTables(schema),
    ...metricTables(schema),
    ...indexes(schema),
  ],
};

const table = (schema: SchemaModule, name: string) => schema.createTable(name).ifNotExists();

function experimentTables(schema: SchemaModule) {
  return [
    table(schema, 'experiment')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('question', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('stop_reason', 'text')
      .addColumn('definition', 'text', (column) => column.notNull())
      .addColumn('cloned_from', 'text')
      .addColumn('created_at', 'text', (column) => column.notNull())
      .addColumn('updated_at', 'text', (column) => column.notNull())
      .addColumn('launched_at', 'text')
      .addColumn('archived_at', 'text')
      .addColumn('infrastructure_failures', 'integer', (column) => column.notNull().defaultTo(0)),
    table(schema, 'experiment_tag')
      .addColumn('experiment_id', 'text', (column) => column.notNull())
      .addColumn('tag', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('experiment_tag_key', ['experiment_id', 'tag']),
    table(schema, 'note')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('experiment_id', 'text', (column) => column.notNull())
      .addColumn('run_id', 'text')
      .addColumn('text', 'text', (column) => column.notNull())
      .addColumn('author', 'text', (column) => column.notNull())
      .addColumn('created_at', 'text', (column) => column.notNull()),
    table(schema, 'idempotency')
      .addColumn('key', 'text', (column) => column.primaryKey())
      .addColumn('mutation', 'text', (column) => column.notNull())
      .addColumn('body_hash', 'text', (column) => column.notNull())
      .addColumn('response', 'text', (column) => column.notNull())
      .addColumn('created_at', 'text', (column) => column.notNull()),
  ];
}

function runTable(schema: SchemaModule) {
  return table(schema, 'run')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('experiment_id', 'text', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('variant', 'text', (column) => column.notNull())
    .addColumn('group_id', 'text', (column) => column.notNull())
    .addColumn('method', 'text', (column) => column.notNull())
    .addColumn('seed', 'bigint', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('depends_on', 'text')
    .addColumn('spec', 'text', (column) => column.notNull())
    .addColumn('attempt', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('crashes', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('waiting_reason', 'text')
    .addColumn('failure_kind', 'text')
    .addColumn('failure_message', 'text')
    .addColumn('failure_problems', 'text')
    .addColumn('cancel_requested', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('phase', 'text')
    .addColumn('step', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('total_steps', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('epoch', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('total_epochs', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('engine', 'text')
    .addColumn('device', 'text')
    .addColumn('elapsed_seconds', 'double precision', (column) => column.notNull().defaultTo(0))
    .addColumn('trained_parameters', 'bigint')
    .addColumn('model_bytes', 'bigint')
    .addColumn('result_notes', 'text')
    .addColumn('selected_epoch', 'integer')
    .addColumn('heartbeat_at', 'text')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('submitted_at', 'text')
    .addColumn('started_at', 'text')
    .addColumn('finished_at', 'text')
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .addColumn('revision', 'integer', (column) => column.notNull().defaultTo(0));
}

function runDetailTables(schema: SchemaModule) {
  return [
    table(schema, 'run_parameter')
      .addColumn('run_id', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('number', 'double precision')
      .addColumn('text', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('run_parameter_key', ['run_id', 'name']),
    table(schema, 'attempt')
      .addColumn('run_id', 'text', (column) => column.notNull())
      .addColumn('number', 'integer', (column) => column.notNull())
      .addColumn('outcome', 'text', (column) => column.notNull())
      .addColumn('host', 'text')
      .addColumn('pid', 'integer')
      .addColumn('engine', 'text')
      .addColumn('device', 'text')
      .addColumn('resumed_from_step', 'integer')
      .addColumn('started_at', 'text', (column) => column.notNull())
      .addColumn('ended_at', 'text')
      .addColumn('exit_code', 'integer')
      .addColumn('failure_kind', 'text')
      .addColumn('failure_message', 'text')
      .addPrimaryKeyConstraint('attempt_key', ['run_id', 'number']),
    table(schema, 'ingest')
      .addColumn('run_id', 'text', (column) => column.primaryKey())
      .addColumn('last_key', 'text', (column) => column.notNull()),
  ];
}

function metricTables(schema: SchemaModule) {
  return [
    table(schema, 'summary_metric')
      .addColumn('run_id', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('count', 'integer', (column) => column.notNull())
      .addColumn('last', 'double precision', (column) => column.notNull())
      .addColumn('last_step', 'integer', (column) => column.notNull())
      .addColumn('min', 'double precision', (column) => column.notNull())
      .addColumn('min_step', 'integer', (column) => column.notNull())
      .addColumn('max', 'double precision', (column) => column.notNull())
      .addColumn('max_step', 'integer', (column) => column.notNull())
      .addColumn('sum', 'double precision', (column) => column.notNull())
      .addColumn('best', 'double precision', (column) => column.notNull())
      .addColumn('best_step', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('summary_metric_key', ['run_id', 'name']),
    table(schema, 'epoch_metric')
      .addColumn('run_id', 'text', (column) => column.notNull())
      .addColumn('epoch', 'integer', (column) => column.notNull())
      .addColumn('step', 'integer', (column) => column.notNull())
      .addColumn('elapsed_seconds', 'double precision', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('value', 'double precision', (column) => column.notNull())
      .addPrimaryKeyConstraint('epoch_metric_key', ['run_id', 'name', 'epoch']),
  ];
}

function indexes(schema: SchemaModule) {
  const index = (table: string, columns: string[]) =>
    schema
      .createIndex(`${table}_by_${columns.join('_')}`)
      .ifNotExists()
      .on(table)
      .columns(columns);
  return [
    index('experiment', ['created_at', 'id']),
    index('experiment_tag', ['tag', 'experiment_id']),
    index('note', ['experiment_id', 'created_at']),
    index('run', ['experiment_id', 'position']),
    index('run', ['state', 'created_at']),
    index('run', ['depends_on']),
    index('run', ['created_at', 'id']),
    index('run', ['updated_at', 'id']),
    index('run_parameter', ['name', 'number', 'run_id']),
    index('run_parameter', ['name', 'text', 'run_id']),
    index('summary_metric', ['name', 'last', 'run_id']),
    index('summary_metric', ['name', 'best', 'run_id']),
  ];
}
