import {
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
} from 'graphql';
import { useTestServices } from '../../testkit/api-services';
import { apiSchema, ask } from '../../testkit/ask';
import { createExperimentMutation, experimentInput } from '../../testkit/experiment-input';

const services = useTestServices();

const texts = new Set(['String', 'ID', 'JSON', 'JSONObject']);

/** Every place of a text in a value of a type: its path, and the value with nothing else in it. */
function placesOf(
  type: GraphQLInputType,
  text: string,
  known: readonly string[] = [],
): { path: string[]; value: unknown }[] {
  const nullable = getNullableType(type);
  if (isListType(nullable))
    return placesOf(nullable.ofType, text, known).map(({ path, value }) => ({ path: ['0', ...path], value: [value] }));
  const { name } = getNamedType(type);
  if (isInputObjectType(nullable))
    return known.includes(name)
      ? []
      : Object.values(nullable.getFields()).flatMap((field) =>
          placesOf(field.type, text, [...known, name]).map(({ path, value }) => ({
            path: [field.name, ...path],
            value: { [field.name]: value },
          })),
        );
  if (name === 'JSON' || name === 'JSONObject')
    return [
      { path: ['a'], value: { a: text } },
      { path: [], value: { [text]: 1 } },
    ];
  return texts.has(name) ? [{ path: [], value: text }] : [];
}

async function placesOfSchema(text: string) {
  const types = Object.values((await apiSchema()).getTypeMap()).filter((type) => isObjectType(type));
  return types.flatMap((type) =>
    Object.values(type.getFields()).flatMap((field) =>
      field.args.flatMap((argument) =>
        placesOf(argument.type, text).map(({ path, value }) => ({
          field,
          name: `${type.name}.${field.name}`,
          path: [...(argument.name === 'input' ? [] : [argument.name]), ...path].join('.'),
          args: { [argument.name]: value },
        })),
      ),
    ),
  );
}

describe('every text that the schema takes', () => {
  it.each([
    ['a NUL character', 'a\0b', 'NUL'],
    ['half a surrogate pair', 'a\ud800b', 'surrogate'],
    ['the other half', '\udfff', 'surrogate'],
  ])('with %s is refused by its path, before anything is asked of a database', async (_what, text, message) => {
    const places = (await placesOfSchema(text)).filter(({ name }) => !name.startsWith('__'));
    expect(places.length).toBeGreaterThan(200);
    const names = places.map(({ name, path }) => `${name} ${path}`);
    expect(names).toEqual(
      expect.arrayContaining([
        'Mutation.annotate text',
        'Query.runs filter.id.eq',
        'Mutation.createExperiment grid.0.values.0.a',
      ]),
    );
    for (const { field, name, path, args } of places) {
      // Without records and a viewer: whoever gets past the check fails in another way.
      const outcome = await Promise.resolve()
        .then(() => (field.subscribe ?? field.resolve)!(null, args, null, null as never))
        .catch((error: { extensions?: object }) => error.extensions);
      expect({ name, outcome }).toMatchObject({ name, outcome: { kind: 'INVALID_INPUT', problems: [{ path }] } });
      expect(JSON.stringify(outcome)).toContain(message);
    }
  });

  it('keeps characters of every plane, which come back as they were', async () => {
    const name = 'é 漢 𠮷 🜁 \u0001\u007f\ufffd';
    const { data } = await ask(services(), createExperimentMutation, { input: experimentInput({ name }) });
    expect(data.createExperiment.experiment.name).toBe(name);
  });

  it('is data for a mutation, and an error with its problems for a query', async () => {
    const { data } = await ask(services(), createExperimentMutation, {
      input: experimentInput({ name: 'a\0', tags: ['\ud800'] }),
    });
    expect(data.createExperiment).toMatchObject({
      __typename: 'InvalidInput',
      problems: [{ path: 'name' }, { path: 'tags.0' }],
    });
    const { errors } = await ask(services(), 'query ($id: ID!) { run(id: $id) { id } }', { id: '\0' });
    expect(errors[0]!.extensions).toMatchObject({ code: 'BAD_USER_INPUT', problems: [{ path: 'id' }] });
  });

  it('is refused in a cursor too', async () => {
    const { data } = await ask(services(), '{ runs { nodes { id } } }');
    expect(data.runs.nodes).toEqual([]);
    const cursor = Buffer.from(JSON.stringify({ v: 1, o: 'x', k: ['\0'], i: 'r' })).toString('base64url');
    const { errors } = await ask(services(), 'query ($after: String) { runs(after: $after) { nodes { id } } }', {
      after: cursor,
    });
    expect(errors[0]!.message).toContain('cursor');
  });
});

describe('a filter', () => {
  const search = async (filter: object) => {
    const { data, errors } = await ask(
      services(),
      'query ($filter: RunFilterInput) { runs(filter: $filter) { totalCount } }',
      { filter },
    );
    return errors.length === 0 ? data.runs.totalCount : errors.map(({ extensions }) => extensions.problems);
  };
  const nested = (levels: number): object => (levels === 0 ? {} : { NOT: nested(levels - 1) });

  it('of the greatest depth, number and length is searched by', async () => {
    expect(await search(nested(20))).toBe(0);
    const condition = { variant: { contains: '%'.repeat(2000), startsWith: '\\'.repeat(2000) } };
    expect(await search({ OR: Array.from({ length: 49 }, () => condition) })).toBe(0);
  });

  it('beyond that is refused in words', async () => {
    expect(await search(nested(21))).toEqual([
      [{ path: 'filter', message: expect.stringContaining('more than 20 levels') }],
    ]);
    expect(await search({ variant: { contains: 'x'.repeat(60_000) } })).toEqual([
      [{ path: 'filter.variant.contains', message: '60000 characters, at most 2000 are allowed' }],
    ]);
  });
});
