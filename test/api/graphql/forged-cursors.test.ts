import fc from 'fast-check';
import { type GraphQLField, subscribe } from 'graphql';
import { prepareOperation } from '../../../api/graphql/operation';
import { runOrderFields } from '../../../api/runs/run-filter';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { apiSchema, ask, dataOf } from '../../testkit/ask';
import { seeded } from '../../testkit/seed';
import { stepRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

const services = useTestServices();

const orderOfRuns = [
  ...Object.keys(runOrderFields).map((field) => `[{ field: ${field} }, { field: POSITION, direction: DESC }]`),
  '[{ parameter: "alpha" }]',
  '[{ metric: { name: "train/loss", reducer: LAST } }]',
  '[{ metric: { name: "train/loss", reducer: LAST }, nulls: FIRST, direction: DESC }]',
];
const pages = (name: string, orders: readonly string[]) =>
  orders.map((orderBy) => `${name}(first: 1, after: $after, orderBy: ${orderBy}) { pageInfo { endCursor } }`);

/** Every field with cursors, as `type.field`, by what is asked of it: `{ endCursor }` is the answer's, or its event's. */
const paged: Readonly<Record<string, readonly string[]>> = {
  'Query.runs': pages('runs', orderOfRuns),
  'Query.experiments': pages(
    'experiments',
    ['NAME', 'STATE', 'CREATED_AT', 'UPDATED_AT', 'LAUNCHED_AT'].map((field) => `[{ field: ${field} }]`),
  ),
  'Experiment.runs': pages('runs', ['[{ field: SEED }]']).map((runs) => `experiment(id: "experiment") { ${runs} }`),
  'Query.exportRuns': ['exportRuns(first: 1, after: $after) { endCursor }'],
  'Query.exportHistory': ['exportHistory(first: 1, after: $after) { endCursor }'],
  'Subscription.metricsLogged': ['metricsLogged(runId: "r0", after: $after) { cursor }'],
  'Subscription.runUpdated': ['runUpdated(experimentId: "experiment", after: $after) { cursor }'],
};
const operations = Object.entries(paged).flatMap(([field, asked]) =>
  asked.map((selection) => ({ field, selection, isSubscription: field.startsWith('Subscription.') })),
);

beforeEach(async () => {
  await insertExperiment(services());
  for (const [at, id] of ['r0', 'r1', 'r2'].entries()) {
    await insertRun(services(), id, { seed: at, position: at });
    await writeAttempt(services().objects, id, 1, null);
    await writeChunk(services().objects, id, 1, 0, [stepRecord(1, { 'train/loss': at })]);
  }
  const parameters = ['r0', 'r1'].map((run_id, at) => ({ run_id, name: 'alpha', number: at, text: String(at) }));
  await services().database.insertInto('run_parameter').values(parameters).execute();
  const steps = { last_step: 1, min_step: 1, max_step: 1, best_step: 1 };
  const metric = { name: 'train/loss', count: 1, last: 1, min: 1, max: 1, sum: 1, best: 1, ...steps };
  await services()
    .database.insertInto('summary_metric')
    .values({ run_id: 'r0', ...metric })
    .execute();
});

/** Codes of the errors that a cursor gets; none where it is taken. */
async function codesOf(operation: (typeof operations)[number], after: string): Promise<unknown[]> {
  const source = (kind: string) => `${kind} ($after: String) { ${operation.selection} }`;
  if (!operation.isSubscription)
    return (await ask(services(), source('query'), { after })).errors.map(({ extensions }) => extensions.code);
  const viewer = { name: 'tester', role: 'admin' as const };
  const contextValue = { services: services(), viewer };
  const schema = await apiSchema();
  const given = { query: source('subscription'), variables: { after } };
  const prepared = prepareOperation({ schema, introspection: false }, given, contextValue);
  if (!('schema' in prepared)) return prepared.map(({ extensions }) => extensions.code);
  const events = await subscribe(prepared);
  if (!(Symbol.asyncIterator in events)) return (events.errors ?? []).map(({ extensions }) => extensions.code);
  await events.return(undefined);
  return [];
}

/** A cursor that the service gives out. */
async function cursorOf({ field, selection }: (typeof operations)[number]): Promise<string> {
  if (field === 'Subscription.metricsLogged') return '1-0.1';
  if (field === 'Subscription.runUpdated') return '2026-01-01T00:00:00.000Z~r0';
  const data = await dataOf(services(), `query ($after: String) { ${selection} }`);
  return /"endCursor":"([^"]+)"/.exec(JSON.stringify(data))![1]!;
}

const odd = fc.oneof(
  fc.constantFrom(null, true, '', '\0', 'a\0b', '\ud800', 'x'.repeat(5000), '../../../etc', "' or 1=1 --", [], {}, [
    [1],
  ]),
  fc.constantFrom(0, -1, 0.5, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 2 ** 63, 1e308, -1e308, 5e-324, 'Infinity', 'NaN'),
  fc.string({ unit: 'binary' }),
  fc.double(),
);

/** The parts of a cursor, some of them changed. */
const forgedParts = (cursor: string) => {
  const parts = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as { k: unknown[]; i: unknown };
  const keys = fc.oneof(
    fc.tuple(...parts.k.map((key) => fc.oneof(fc.constant(key), odd))),
    fc.array(odd, { maxLength: 6 }),
    odd,
  );
  const written = fc.record({ k: keys, i: fc.oneof(fc.constant(parts.i), odd), extra: fc.option(odd, { freq: 5 }) });
  return written.map(({ k, i, extra }) =>
    Buffer.from(JSON.stringify({ ...parts, k, i, ...(extra === null ? {} : { extra }) })).toString('base64url'),
  );
};

/** The characters of a cursor, some of them changed. */
const forgedText = (cursor: string) =>
  fc
    .tuple(
      fc.nat(cursor.length),
      fc.nat(3),
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('9'.repeat(30), '-')),
    )
    .map(([at, cut, put]) => cursor.slice(0, at) + put + cursor.slice(at + cut));

test('every field that takes a cursor is tested', async () => {
  const takesCursor = ({ args }: GraphQLField<unknown, unknown>) => args.some(({ name }) => name === 'after');
  const found = Object.values((await apiSchema()).getTypeMap()).flatMap((type) =>
    'getFields' in type
      ? Object.values(type.getFields() as Record<string, GraphQLField<unknown, unknown>>)
          .filter((field) => 'args' in field && takesCursor(field))
          .map((field) => `${type.name}.${field.name}`)
      : [],
  );
  expect(found.sort()).toEqual(Object.keys(paged).sort());
});

test.each(operations)(
  '$selection takes its own cursors, and refuses forged ones or gives another page',
  async (operation) => {
    const cursor = await cursorOf(operation);
    expect(await codesOf(operation, cursor)).toEqual([]);
    const forged = operation.isSubscription ? forgedText(cursor) : fc.oneof(forgedParts(cursor), forgedText(cursor));
    await fc.assert(
      fc.asyncProperty(forged, async (after) => {
        for (const code of await codesOf(operation, after)) expect(code).toBe('BAD_USER_INPUT');
      }),
      { numRuns: 15, ...seeded() },
    );
  },
);

test.each([
  ['[{ field: SEED }]', ['one']],
  ['[{ field: SEED }]', [null]],
  ['[{ field: POSITION }]', [2 ** 31]],
  ['[{ field: VARIANT }]', [1]],
  ['[{ field: COST }]', ['1']],
  ['[{ parameter: "alpha" }]', ['1', '1']],
  ['[{ metric: { name: "train/loss", reducer: LAST } }]', ['1']],
])('a cursor of %s with the keys %j is refused on every database', async (orderBy, keys) => {
  const selection = pages('runs', [orderBy])[0]!;
  const cursor = await cursorOf({ field: 'Query.runs', selection, isSubscription: false });
  const parts = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  const after = Buffer.from(JSON.stringify({ ...parts, k: keys })).toString('base64url');
  const { errors } = await ask(services(), `query ($after: String) { ${selection} }`, { after });
  expect(errors.map(({ message }) => message)).toEqual([expect.stringMatching(/^after: is no cursor of this service/)]);
});
