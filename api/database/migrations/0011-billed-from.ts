import type { Migration } from '../migration';

/** When an attempt's share of its machine begins: at the launch of the machine, or when the run before it ended there. */
export const billedFrom: Migration = {
  name: '0011-billed-from',
  statements: (schema) => [schema.alterTable('attempt').addColumn('billed_from', 'text')],
};
