import fc from 'fast-check';
import { type GivenOperation, prepareOperation } from '../../../api/graphql/operation';
import { limits } from '../../../api/shared/limits';
import { apiSchema } from '../../testkit/ask';
import { seeded } from '../../testkit/seed';

const mostMilliseconds = 100;

/** CPU milliseconds from a text and its variables to what is executed or refused: the least of three tries. */
async function cpuMilliseconds(given: GivenOperation): Promise<number> {
  const options = { schema: await apiSchema(), introspection: true };
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && least > mostMilliseconds / 2; attempt++) {
    const before = process.cpuUsage();
    const prepared = prepareOperation(options, given, {} as never);
    // As it would be sent.
    if (!('schema' in prepared)) JSON.stringify(prepared);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

const name = fc.oneof(
  fc.constantFrom('viewer', 'name', 'runs', 'nodes', 'run', 'id', 'metrics', 'experiment', 'last', 'nam', '__typename'),
  fc.constantFrom('__schema', 'types', 'fields', 'args', 'type', 'ofType', 'methods', 'compare', 'pairs'),
  fc.integer({ min: 0, max: 20 }).map((n) => `f${n}`),
  fc.integer({ min: 1, max: 200 }).map((n) => 'x'.repeat(n)),
);
const type = fc.constantFrom(
  'Query',
  'Run',
  'Experiment',
  'Comparison',
  'CompareResult',
  'Failure',
  'Nothing',
  '__Type',
);
const value = fc.oneof(
  fc.constantFrom('"r"', '1', 'null', 'true', 'LAST', 'LASS', '$v0', '$v1', '{}', '[]', '{ NOT: { NOT: {} } }'),
  fc.integer({ min: 1, max: 60 }).map((n) => `[${'"a" '.repeat(n)}]`),
  fc.integer({ min: 1, max: 20 }).map((n) => `{ AND: [${'{ id: { eq: "x" } } '.repeat(n)}] }`),
  fc.integer({ min: 1, max: 200 }).map((n) => `"${'y'.repeat(n)}"`),
);
const argumentList = fc
  .array(fc.tuple(fc.oneof(name, fc.constantFrom('id', 'names', 'filter', 'first')), value), { maxLength: 4 })
  .map((given) => (given.length === 0 ? '' : `(${given.map(([key, what]) => `${key}: ${what}`).join(' ')})`));
const directives = fc.constantFrom('', '', ' @include(if: true)', ' @skip(if: $v0)', ' @nothing', ' @include');
const { selections } = fc.letrec<{ selections: string; selection: string }>((tie) => ({
  selections: fc
    .tuple(fc.array(tie('selection'), { minLength: 1, maxLength: 5 }), fc.constantFrom(1, 1, 1, 1, 2, 3, 10))
    .map(([parts, times]) => {
      const once = `${parts.join(' ')} `;
      // Some longer than a document may be, but not by orders of magnitude.
      return once.length > limits.documentLength ? '{ id }' : `{ ${once.repeat(once.length > 5000 ? 1 : times)}}`;
    }),
  selection: fc.oneof(
    { maxDepth: 7, depthSize: 'small' },
    fc.tuple(name, argumentList, directives).map((parts) => parts.join('')),
    fc.tuple(name, argumentList, tie('selections')).map(([field, given, inner]) => `${field}${given} ${inner}`),
    fc.tuple(name, name, tie('selections')).map(([alias, field, inner]) => `${alias}: ${field} ${inner}`),
    fc.tuple(type, directives, tie('selections')).map(([on, how, inner]) => `... on ${on}${how} ${inner}`),
    fc.integer({ min: 0, max: 20 }).map((n) => `...f${n}`),
  ),
}));
const variableDefinitions = fc
  .array(fc.constantFrom('RunFilterInput', 'Boolean!', '[ID!]!', 'ExperimentInput!', 'Nothing', '[[Int]]'), {
    maxLength: 5,
  })
  .map((types) => (types.length === 0 ? '' : `(${types.map((of, n) => `$v${n}: ${of}`).join(' ')})`));
const anyDocument = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom('query', 'mutation', 'subscription'), variableDefinitions, selections), {
      minLength: 1,
      maxLength: 4,
    }),
    fc.array(fc.tuple(type, selections), { maxLength: 20 }),
  )
  .map(([operations, fragments]) =>
    [
      ...operations.map(([kind, given, inner], n) => `${kind} o${n}${given} ${inner}`),
      ...fragments.map(([on, inner], n) => `fragment f${n} on ${on} ${inner}`),
    ].join('\n'),
  );

const many = (count: number, of: (n: number) => string) => Array.from({ length: count }, (_, n) => of(n)).join(' ');
/** Texts that are costly for one rule of validation each, as large as the limits let them be, and larger. */
const costly: [string, (size: number) => string][] = [
  [
    'fragments that double',
    (n) => `{ ...f0 } ${many(n, (k) => `fragment f${k} on Query { ...f${k + 1} ...f${k + 1} }`)}`,
  ],
  [
    'fragments that all spread all',
    (n) =>
      `{ ...f0 } ${many(n, (k) => `fragment f${k} on Query { ${many(n - k - 1, (j) => `...f${k + j + 1}`)} viewer { name } }`)}`,
  ],
  ['a field again and again', (n) => `{ ${'viewer { name } '.repeat(n)} }`],
  [
    'nested fields again and again',
    (n) => `{ ${`run(id: "r") { ${'experiment { id name tags } '.repeat(n)} } `.repeat(n)} }`,
  ],
  ['a field with long arguments again and again', (n) => `{ ${`run(id: [${'"a" '.repeat(n)}]) { id } `.repeat(n)} }`],
  ['fields that do not exist', (n) => `{ ${many(n, (k) => `viewers${k}`)} }`],
  ['arguments that do not exist', (n) => `{ ${many(n, (k) => `runs(filters${k}: 1) { totalCount }`)} }`],
  ['arguments twice', (n) => `{ run(${'id: "r" '.repeat(n)}) { id } }`],
  ['types that do not exist', (n) => `{ ${many(n, (k) => `... on Runs${k} { id }`)} }`],
  [
    'values of other types',
    (n) => `{ runs(filter: { AND: [${'{ state: { eq: RUN } } '.repeat(n)}] }) { totalCount } }`,
  ],
  [
    'many operations that use many variables',
    (n) =>
      `${many(n, (k) => `query o${k} { ...f }`)} fragment f on Query { ${many(n, (k) => `a${k}: run(id: $v${k}) { id }`)} }`,
  ],
  ['many variables', (n) => `query (${many(n, (k) => `$v${k}: Int`)}) { viewer { name } }`],
  ['directives again and again', (n) => `{ viewer ${'@include(if: true) '.repeat(n)} { name } }`],
  ['mistakes behind many lines', (n) => `{ ${many(n, (k) => `\n a${k}`)} }`],
  [
    'introspection',
    (n) =>
      `{ ${many(Math.min(n, 20), (k) => `a${k}: __schema { types { fields { args { type { ofType { name } } } } } }`)} }`,
  ],
  ['a long block text', (n) => `{ run(id: """${'\n  x'.repeat(n)}""") { id } }`],
  [
    'unions',
    (n) =>
      `{ compare(experimentIds: [], metric: "") { ${'... on Failure { problems { path } } ... on Comparison { groups { id } } '.repeat(n)} } }`,
  ],
];

describe('any document within the limits', () => {
  it.each(costly)('with %s is validated in bounded time', async (_what, textOf) => {
    const slow = [];
    for (const size of [5, 12, 20, 30, 45, 60, 100, 300, 1000, 3000]) {
      const query = textOf(size);
      if (query.length > limits.bodyBytes) continue;
      const milliseconds = await cpuMilliseconds({ query });
      if (milliseconds >= mostMilliseconds) slow.push({ size, milliseconds });
    }
    expect(slow).toEqual([]);
  });

  it('is validated in bounded time, whatever it holds', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyDocument.filter(({ length }) => length < limits.bodyBytes),
        async (query) => {
          expect(await cpuMilliseconds({ query })).toBeLessThan(mostMilliseconds);
        },
      ),
      { ...seeded(), numRuns: 150 },
    );
  });
});

describe('any variables within the limits of a body', () => {
  const query = `query ($filter: RunFilterInput, $ids: [ID!], $input: ExperimentInput!) {
    runs(filter: $filter) { totalCount } planExperiment(input: $input) { __typename }
    metricHistory(runIds: $ids, names: []) { totalPoints } }`;
  const list = (text: string, length: number) => `[${Array.from({ length }, () => text).join()}]`;
  const body = limits.bodyBytes - 1000;
  it.each([
    ['nested lists', `{"ids":${'['.repeat(body / 2)}${']'.repeat(body / 2)}}`],
    ['nested filters', `{"filter":${'{"NOT":'.repeat(body / 8)}{}${'}'.repeat(body / 8)}}`],
    ['values of another type', `{"ids":${list('{}', body / 3)}}`],
    ['fewer values of another type', `{"ids":${list('{}', 9000)},"filter":${list('{"AND":1}', 5000)}}`],
    ['fields that do not exist', `{"filter":{${Array.from({ length: 15_000 }, (_, n) => `"filters${n}":1`).join()}}}`],
    ['long texts', `{"filter":{"state":{"eq":"${'x'.repeat(body)}"}}}`],
    ['a long name', `{"filter":{"${'x'.repeat(body)}":1}}`],
  ])('as of %s are read in bounded time', async (_what, text) => {
    const variables = JSON.parse(text) as Record<string, unknown>;
    expect(await cpuMilliseconds({ query, variables })).toBeLessThan(mostMilliseconds);
  });
});
