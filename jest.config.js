/** Tests mirror the source folders; packages that ship only ES modules are transformed with the tests. */
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { delimiter, join } = require('node:path');

// Read by TensorFlow's C++ code, which does not see the copy of process.env that a test gets: set before workers start.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
process.env.TF_NUM_INTRAOP_THREADS ??= '1';

const esmOnly = ['oauth4webapi', 'hyparquet', 'hyparquet-writer', 'csv-parse', 'kysely'];

const tests = {
  testEnvironment: 'node',
  setupFilesAfterEnv: ['<rootDir>/test/testkit/matchers.ts'],
  roots: ['<rootDir>/test'],
  transform: {
    '^.+\\.[cm]?[jt]s$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true },
          target: 'es2022',
        },
        module: { type: 'commonjs' },
      },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
};

/**
 * The test files that open records: they run once more on PostgreSQL, except `.sqlite.test.ts` and the pages in a browser.
 * `.postgres.test.ts` runs there alone.
 */
function testsOfRecords() {
  const folder = join(__dirname, 'test');
  const files = readdirSync(folder, { recursive: true }).filter((path) => path.endsWith('.test.ts'));
  return files
    .filter((path) => !path.endsWith('.sqlite.test.ts') && !path.startsWith('dashboard/'))
    .filter(
      (path) => isOfPostgres(path) || /useTest(Services|Records)\(/.test(readFileSync(join(folder, path), 'utf8')),
    )
    .map((path) => `<rootDir>/test/${path}`);
}

const isOfPostgres = (path) => path.endsWith('.postgres.test.ts');

/** The folder with the programs of a PostgreSQL server: Debian's, newest first, or one on the path. */
function findPostgresPrograms() {
  const packaged = '/usr/lib/postgresql';
  const versions = existsSync(packaged) ? readdirSync(packaged).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(packaged, version, 'bin')), ...process.env.PATH.split(delimiter)];
  return folders.find((folder) => ['initdb', 'postgres'].every((program) => existsSync(join(folder, program))));
}
const postgresPrograms = findPostgresPrograms();
const hasPostgres = Boolean(process.env.STILLHOUSE_TEST_DATABASE_URL || postgresPrograms);

/**
 * Tests that need a process, a server, a database, an engine's threads or a whole training. All others make up
 * `npm run test:unit`.
 */
const heavyFolders = [
  'end-to-end',
  'trainer/run',
  'trainer/engine',
  'trainer/export',
  'contract/objects',
  'cdk',
  'demo',
];
const heavyMarks =
  /useTest(Services|Records)\(|describeWith|testkit\/(trainer-process|server-process|browser|attempts|python)|child_process/;
function unitTests() {
  const folder = join(__dirname, 'test');
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith('.test.ts') && !heavyFolders.some((heavy) => path.startsWith(`${heavy}/`)))
    .filter((path) => !heavyMarks.test(readFileSync(join(folder, path), 'utf8')))
    .map((path) => `<rootDir>/test/${path}`);
}

const isUnitRun = process.env.npm_lifecycle_event === 'test:unit';

module.exports = {
  testTimeout: 60_000,
  maxWorkers: '100%',
  testSequencer: '<rootDir>/test/testkit/longest-first.js',
  projects: [
    {
      ...tests,
      displayName: 'stillhouse',
      testMatch: isUnitRun ? unitTests() : ['**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '\\.postgres\\.test\\.ts$'],
    },
    {
      ...tests,
      displayName: 'on PostgreSQL',
      testMatch: hasPostgres ? testsOfRecords() : ['<rootDir>/test/testkit/without-postgres.ts'],
      globals: { recordsEngine: 'postgres', postgresPrograms },
      globalSetup: '<rootDir>/test/testkit/start-postgres.ts',
      globalTeardown: '<rootDir>/test/testkit/stop-postgres.ts',
    },
  ],
};
