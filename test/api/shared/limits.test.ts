import { getIntrospectionQuery, parse, validate } from 'graphql';
import { checkLimits, limits } from '../../../api/shared/limits';
import { apiSchema } from '../../testkit/ask';

/** Which limits a valid operation is beyond. */
async function exceeded(source: string, variables: Record<string, unknown> = {}): Promise<unknown[]> {
  const schema = await apiSchema();
  const document = parse(source, { maxTokens: limits.tokens });
  expect(validate(schema, document)).toEqual([]);
  return checkLimits(schema, document, variables).map(({ extensions }) => {
    expect(extensions.code).toBe('LIMIT_EXCEEDED');
    return extensions.limit;
  });
}

const nested = (levels: number): string =>
  levels === 0 ? '{ id }' : `{ experiment { runs(first: 1) { nodes ${nested(levels - 1)} } } }`;

describe('limits on operations', () => {
  it('let a rich page of runs through', async () => {
    const source = `{ runs(first: 100) { totalCount pageInfo { endCursor } nodes {
      id variant method seed state progress { step totalSteps } experiment { name tags }
      parameters { name text } metrics(names: ["test/accuracy"]) { last best mean } } } }`;
    expect(await exceeded(source)).toEqual([]);
  });

  it('let introspection through', async () => {
    expect(await exceeded(getIntrospectionQuery())).toEqual([]);
  });

  it('refuse an operation that is nested too deeply, also through fragments', async () => {
    // run + 3 levels a round + id: 11 and 14 levels.
    expect(await exceeded(`{ run(id: "r") ${nested(3)} }`)).toEqual([]);
    expect(await exceeded(`{ run(id: "r") ${nested(4)} }`)).toEqual(['depth']);
    const fragment = `{ run(id: "r") { ...deep } } fragment deep on Run ${nested(4)}`;
    expect(await exceeded(fragment)).toEqual(['depth']);
  });

  it('count a page with its size, whether that is written, a variable or the default', async () => {
    const fields = '{ nodes { id parameters { name number text } metrics { name last min max mean } } }';
    expect(await exceeded(`{ runs(first: 200) ${fields} }`)).toEqual(['cost']);
    expect(await exceeded(`query ($n: Int!) { runs(first: $n) ${fields} }`, { n: 200 })).toEqual(['cost']);
    expect(await exceeded(`query ($n: Int!) { runs(first: $n) ${fields} }`, { n: 20 })).toEqual([]);
    const pages = (count: number) =>
      `{ experiments(first: ${count}) { nodes { runs { nodes { id variant method seed state } } } } }`;
    expect(await exceeded(pages(100))).toEqual(['cost']);
  });

  it('count a page of negative size as one, not as a credit', async () => {
    const large =
      'large: runs(first: 200) { nodes { id parameters { name number text } metrics { name last min max mean } } }';
    expect(await exceeded(`{ ${large} credit: runs(first: -1000) { nodes { id } } }`)).toEqual(['cost']);
  });

  it('refuse many aliases and many root fields', async () => {
    const aliases = Array.from({ length: limits.aliases + 1 }, (_, n) => `a${n}: name`).join(' ');
    expect(await exceeded(`{ viewer { ${aliases} } }`)).toEqual(['aliases']);
    const fields = Array.from({ length: limits.rootFields + 1 }, (_, n) => `a${n}: viewer { name }`).join(' ');
    expect(await exceeded(`{ ${fields} }`)).toEqual(['root fields']);
    expect(await exceeded(`{ ...all } fragment all on Query { ${fields} }`)).toEqual(['root fields']);
  });

  it('stop parsing a document of too many tokens', () => {
    expect(() => parse(`{ ${'a '.repeat(limits.tokens)} }`, { maxTokens: limits.tokens })).toThrow(/token/i);
  });
});
