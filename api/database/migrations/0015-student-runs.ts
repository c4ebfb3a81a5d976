import type { Migration } from '../migration';

/** A run may take the model of another run as its student as well as its teacher. */
export const studentRuns: Migration = {
  name: '0015-student-runs',
  statements: (schema) => [
    schema.alterTable('run').addColumn('student_depends_on', 'text'),
    schema.createIndex('run_by_student_depends_on').ifNotExists().on('run').columns(['student_depends_on']),
  ],
};
