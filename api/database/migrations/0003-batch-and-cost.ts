import type { SchemaModule } from 'kysely';
import type { Migration, SchemaStatement } from '../migration';

/** Jobs of AWS Batch, and what runs cost: in money by the second of a machine, and in energy. */
export const batchAndCost: Migration = {
  name: '0003-batch-and-cost',
  statements: (schema) => [
    schema
      .createTable('batch_job')
      .ifNotExists()
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('queue', 'text', (column) => column.notNull())
      .addColumn('size', 'integer', (column) => column.notNull())
      .addColumn('timeout_seconds', 'integer', (column) => column.notNull())
      .addColumn('job_id', 'text')
      .addColumn('sending_at', 'text', (column) => column.notNull()),
    schema.createIndex('batch_job_by_job_id').ifNotExists().on('batch_job').columns(['job_id', 'name']),
    ...columns(schema, 'experiment', { max_cost: 'double precision', stop_kind: 'text' }),
    ...columns(schema, 'run', { job_name: 'text', job_index: 'integer', ...costs }),
    ...columns(schema, 'attempt', { log: 'text', capacity: 'text', price_source: 'text', ...costs }),
    schema.createIndex('run_by_job_name').ifNotExists().on('run').columns(['job_name', 'job_index']),
  ],
};

const costs = {
  instance_type: 'text',
  price_per_hour: 'double precision',
  billed_seconds: 'double precision',
  cost: 'double precision',
  energy_watt_hours: 'double precision',
  energy_source: 'text',
} as const;

/** Null in all rows there are: more than that Aurora DSQL does not add. */
const columns = (
  schema: SchemaModule,
  table: string,
  types: Readonly<Record<string, 'text' | 'integer' | 'double precision'>>,
): SchemaStatement[] => Object.entries(types).map(([name, type]) => schema.alterTable(table).addColumn(name, type));
