import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, type GraphQLSchema, parse, validate } from 'graphql';
import { checkOperation } from '../../api/graphql/operation';
import { createApiSchema } from '../../api/graphql/schema';
import { textOf } from '../../client/operation';
import * as queries from '../../dashboard/app/queries';

const { most } = queries;
const ids = (count: number) => Array.from({ length: count }, (_, place) => `run${place}`);

/** The costliest variables the pages send; operations that are not named take an id alone. */
const largest: Record<string, Record<string, unknown>> = {
  experiments: { filter: null, includeArchived: true, first: most.experiments, after: null },
  runsOfExperiment: { experimentId: 'e', first: most.polledRuns, after: null },
  parametersOfRuns: { ids: ids(most.variants), first: most.variants },
  metricsOfRuns: { ids: ids(most.confusionRuns), first: most.confusionRuns },
  metricHistory: { runIds: ids(most.curveRuns), names: ['train/loss'], maxPoints: most.curvePoints },
  compare: {
    experimentIds: ['e'],
    metric: 'test/accuracy',
    at: { point: 'BEST_ON_DEV' },
    baseline: null,
    pairs: 'ALL',
    allowDifferentData: false,
  },
};

const operations = Object.entries(queries).flatMap(([name, value]) =>
  'kind' in value ? [{ name, document: parse(textOf<unknown, never>(value)) }] : [],
);

describe('the documents of the dashboard', () => {
  const committed = buildSchema(readFileSync(join(__dirname, '../../schema.graphql'), 'utf8'));
  let schema: GraphQLSchema;
  beforeAll(async () => {
    schema = await createApiSchema();
  });

  it('are all here', () => {
    expect(operations.map(({ name }) => name)).toEqual(expect.arrayContaining([...Object.keys(largest), 'runUpdated']));
    expect(operations.length).toBeGreaterThanOrEqual(14);
  });

  it.each(operations)('$name fits the committed schema', ({ document }) => {
    expect(validate(committed, document)).toEqual([]);
  });

  it.each(operations)('$name stays within the limits of the service', ({ name, document }) => {
    const variables = largest[name] ?? { id: 'e', runId: 'r', experimentId: 'e' };
    expect(checkOperation({ schema, introspection: false }, document, { variables })).toEqual([]);
  });

  it('would be found to be beyond a limit', () => {
    const { document } = operations.find(({ name }) => name === 'parametersOfRuns')!;
    const variables = { ids: [], first: 10_000 };
    expect(checkOperation({ schema, introspection: false }, document, { variables })).toHaveLength(1);
  });
});
