import type { Migration } from '../migration';

/** Which bytes a run read: a file may change between two runs of one definition. */
export const dataFiles: Migration = {
  name: '0010-data-files',
  statements: (schema) => [schema.alterTable('run').addColumn('data_files', 'text')],
};
