import type { Migration } from '../migration';

/** What keeps events in order where nothing is locked: messages of a client that overtake each other. */
export const orderOfEvents: Migration = {
  name: '0009-order-of-events',
  statements: (schema) => [schema.alterTable('connection_operation').addColumn('ended_at', 'text')],
};
