/** In place of the tests on PostgreSQL where there is none, so that they are reported as skipped. */
describe.skip('the records on PostgreSQL (skipped: no initdb and postgres, and no STILLHOUSE_TEST_DATABASE_URL)', () => {
  it('hold to what they hold to on SQLite', () => {});
});
