import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql';
import { apiSchema } from '../../testkit/ask';

/** Names of everything in a type that has no description. */
function undescribed(type: GraphQLNamedType): string[] {
  const missing: string[] = [];
  const check = (name: string, { description }: { description?: string | null }) => {
    if (!description?.trim()) missing.push(name);
  };
  if (!['Query', 'Mutation', 'Subscription'].includes(type.name)) check(type.name, type);
  if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value);
  if (isInputObjectType(type))
    for (const field of Object.values(type.getFields())) check(`${type.name}.${field.name}`, field);
  if (isObjectType(type) || isInterfaceType(type))
    for (const field of Object.values(type.getFields())) {
      check(`${type.name}.${field.name}`, field);
      for (const argument of field.args) check(`${type.name}.${field.name}(${argument.name})`, argument);
    }
  return missing;
}

describe('the GraphQL schema', () => {
  it('describes every type, field, argument and enum value', async () => {
    const types = Object.values((await apiSchema()).getTypeMap());
    const ours = types.filter((type) => !type.name.startsWith('__') && !isSpecifiedScalarType(type));
    expect(ours.length).toBeGreaterThan(50);
    expect(ours.flatMap(undescribed)).toEqual([]);
  });

  it('is the one that is committed as schema.graphql', async () => {
    const committed = readFileSync(join(__dirname, '../../../schema.graphql'), 'utf8');
    expect(`${printSchema(lexicographicSortSchema(await apiSchema()))}\n`).toBe(committed);
  });

  it('has every operation the platform promises', async () => {
    const schema = await apiSchema();
    const names = (type: 'getQueryType' | 'getMutationType' | 'getSubscriptionType') =>
      Object.keys(schema[type]()?.getFields() ?? {});
    expect(names('getQueryType').sort()).toEqual(
      [
        'compare',
        'experiment',
        'experiments',
        'exportHistory',
        'exportRuns',
        'methods',
        'metricHistory',
        'metrics',
        'planExperiment',
        'planPreset',
        'presets',
        'run',
        'runs',
        'service',
        'viewer',
      ].sort(),
    );
    expect(names('getMutationType').sort()).toEqual(
      [
        'annotate',
        'archiveExperiment',
        'cancelExperiment',
        'cancelRun',
        'cloneExperiment',
        'createExperiment',
        'createExperimentFromPreset',
        'launchExperiment',
        'retryFailedRuns',
        'retryRun',
        'setMaxCost',
        'tagExperiment',
      ].sort(),
    );
    expect(names('getSubscriptionType').sort()).toEqual(['metricsLogged', 'runUpdated']);
  });
});
