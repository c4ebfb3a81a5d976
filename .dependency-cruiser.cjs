/** Who may import whom (docs/architecture.md): contract is shared; trainer, api and the commands never meet. */
const only = (name, from, to, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: to },
});

/** The floors of `api/`, from the ground: a folder imports only from its own floor and those below it. */
const apiFloors = [
  ['shared'],
  ['database'],
  ['access', 'context'],
  ['definition'],
  ['cost', 'experiments', 'runs', 'team'],
  ['comparison', 'ingest', 'metrics', 'planning', 'presets'],
  ['exports', 'launcher', 'pruning', 'search', 'subscriptions'],
  ['graphql'],
  ['http'],
  ['lambda', 'process'],
];
/** The floors of `trainer/`; the file trainer/main.ts stands above them. */
const trainerFloors = [
  ['engine', 'machine', 'sources'],
  ['ops', 'numeric', 'checkpoint'],
  ['tokenizers', 'data', 'losses', 'models'],
  ['evaluation'],
  ['methods', 'compression', 'records'],
  ['teacher'],
  ['inputs'],
  ['run', 'export'],
];

const upwardImports = (program, floors) =>
  floors.slice(0, -1).map((folders, floor) =>
    only(
      `${program}-floor-${floor + 1}`,
      `^${program}/(${folders.join('|')})/`,
      `^${program}/(${floors
        .slice(floor + 1)
        .flat()
        .join('|')})/`,
      `a folder of ${program}/ imports only from its own floor and those below it (docs/architecture.md)`,
    ),
  );
const everyFolderHasAFloor = (program, floors) =>
  only(
    `${program}-folder-has-a-floor`,
    `^${program}/`,
    `^${program}/(?!(${floors.flat().join('|')})/)[^/]+/`,
    'a new folder takes its floor',
  );

module.exports = {
  forbidden: [
    ...upwardImports('api', apiFloors),
    ...upwardImports('trainer', trainerFloors),
    everyFolderHasAFloor('api', apiFloors),
    everyFolderHasAFloor('trainer', trainerFloors),
    {
      name: 'no-circle-of-folders',
      severity: 'error',
      comment: 'folders that import each other are one folder',
      scope: 'folder',
      from: { path: '^(api|trainer)/' },
      to: { circular: true, path: '^(api|trainer)/' },
    },
    only(
      'cdk-knows-contract',
      '^cdk/',
      '^(trainer|api|dashboard|client|demo|experiment|test|bench)/',
      'the infrastructure knows the names it shares with what runs on it',
    ),
    only(
      'contract-stands-alone',
      '^contract/',
      '^(trainer|api|cdk|client|demo|experiment|export|report|compare|presentation|dashboard|test|bench)/',
      'contract knows nobody',
    ),
    only(
      'trainer-knows-contract',
      '^trainer/',
      '^(api|cdk|client|demo|experiment|export|report|compare|test|bench)/',
      'trainer knows contract alone',
    ),
    only(
      'api-knows-contract',
      '^api/',
      '^(trainer|cdk|client|demo|experiment|export|report|compare|test|bench)/',
      'api knows contract alone',
    ),
    only(
      'commands-are-clients',
      '^(demo|experiment|export|report|compare|client)/',
      '^(trainer|api|cdk|test|bench)/',
      'the commands talk GraphQL like any client',
    ),
    only(
      'client-knows-no-command',
      '^client/',
      '^(demo|experiment|export|report|compare)/',
      'what commands share knows none of them',
    ),
    only(
      'dashboard-is-a-client',
      '^dashboard/',
      '^(contract/(?!(metrics|metric-names|run-states|page)\\.ts$)|client/(?!(operation|subscription|refused-token)\\.ts$)|(trainer|api|cdk|demo|experiment|export|report|compare|test|bench)/)',
      'the dashboard talks GraphQL like any client; of the contract it knows the metrics, the states of a run and its own configuration',
    ),
    only(
      'dashboard-by-its-door',
      '^(?!dashboard/|test/)',
      '^dashboard/(?!serve\\.ts$)',
      'the server serves the dashboard; nothing else reaches into it',
    ),
    only(
      'presentation-knows-words-alone',
      '^presentation/',
      '^(?!presentation/|contract/(metrics|metric-names)\\.ts$)',
      'presentation turns values into words, whoever shows them: it knows the metrics of the contract and nothing else',
    ),
    only(
      'methods-know-no-files',
      '^trainer/methods/',
      '^(trainer/(data/(?!batch\\.ts$)|sources/|checkpoint/)|node:fs)',
      'methods know tensors, not files',
    ),
    only(
      'files-know-no-methods',
      '^trainer/(data|sources|checkpoint)/',
      '^trainer/methods/',
      'data and checkpoint know files, not methods',
    ),
    only(
      'backend-by-name-in-engine-only',
      '^trainer/(?!engine/)',
      '@tensorflow/(tfjs-backend|tfjs-node)',
      'only engine/ names a backend',
    ),
    only(
      'engine-stands-alone',
      '^trainer/engine/',
      '^(contract/|trainer/(?!engine/))',
      'the image installs the engine from its folder alone, so that no other change makes it do so again',
    ),
    only('resolver-never-sees-records', '^api/.*\\.resolver\\.ts$', '^api/database/', 'resolver -> service -> store'),
    only(
      'queries-in-stores-alone',
      '^api/(?!database/|.*\\.store\\.ts$)',
      'node_modules/kysely',
      'services hand the database on to stores, which build the queries (test/sources.test.ts looks for the calls)',
    ),
    only(
      'store-never-sees-graphql',
      '^api/.*\\.store\\.ts$',
      '(\\.type\\.ts$|\\.input\\.ts$|type-graphql)',
      'a store never sees a GraphQL type',
    ),
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default', 'import'] },
  },
};
