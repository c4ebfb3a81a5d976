import { getIntrospectionQuery } from 'graphql';
import { type GivenOperation, prepareOperation } from '../../../api/graphql/operation';
import { limits } from '../../../api/shared/limits';
import { apiSchema } from '../../testkit/ask';

const prepare = async (given: GivenOperation) =>
  prepareOperation({ schema: await apiSchema(), introspection: true }, given, {} as never);

/** Which limits a valid operation is beyond. */
async function exceeded(query: string, variables: Record<string, unknown> = {}): Promise<unknown[]> {
  const prepared = await prepare({ query, variables });
  if ('schema' in prepared) return [];
  return prepared.map(({ message, extensions }) => {
    expect([message, extensions.code]).toEqual([message, 'LIMIT_EXCEEDED']);
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

  it('count the points of histories and the tests of comparisons, however they are divided among aliases', async () => {
    const ids = JSON.stringify(Array.from({ length: 20 }, (_, place) => `r${place}`));
    const histories = (count: number) =>
      Array.from(
        { length: count },
        (_, n) => `a${n}: metricHistory(runIds: ${ids}, names: ["train/loss"], maxPoints: 5000) {
        points { step epoch elapsedSeconds value } }`,
      ).join(' ');
    expect(await exceeded(`{ ${histories(1)} }`)).toEqual([]);
    expect(await exceeded(`{ ${histories(20)} }`)).toEqual(['cost']);
    const comparisons = (count: number) =>
      Array.from(
        { length: count },
        (_, n) => `a${n}: compare(experimentIds: ["x"], metric: "test/accuracy", pairs: ALL) {
        ... on Comparison { pairs { name difference } } }`,
      ).join(' ');
    expect(await exceeded(`{ ${comparisons(5)} }`)).toEqual([]);
    expect(await exceeded(`{ ${comparisons(20)} }`)).toEqual(['cost']);
  });

  it('let through what is exactly at them', async () => {
    const aliases = Array.from({ length: limits.aliases }, (_, n) => `a${n}: name`).join(' ');
    expect(await exceeded(`{ viewer { ${aliases} } }`)).toEqual([]);
    const fields = Array.from({ length: limits.rootFields }, () => 'viewer { name }').join(' ');
    expect(await exceeded(`{ ${fields} }`)).toEqual([]);
    // One level a field: as many as are allowed, and one more.
    const deep = (levels: number) => {
      const rounds = Math.floor((levels - 2) / 3);
      const rest = levels - 2 - 3 * rounds;
      const end = ['{ id }', '{ experiment { id } }', '{ experiment { runs(first: 1) { totalCount } } }'][rest]!;
      const inside = Array.from({ length: rounds }).reduce<string>(
        (fields) => `{ experiment { runs(first: 1) { nodes ${fields} } } }`,
        end,
      );
      return `{ run(id: "r") ${inside} }`;
    };
    expect(await exceeded(deep(limits.depth))).toEqual([]);
    expect(await exceeded(deep(limits.depth + 1))).toEqual(['depth']);
  });

  it('refuse many aliases and many root fields', async () => {
    const aliases = Array.from({ length: limits.aliases + 1 }, (_, n) => `a${n}: name`).join(' ');
    expect(await exceeded(`{ viewer { ${aliases} } }`)).toEqual(['aliases']);
    const fields = Array.from({ length: limits.rootFields + 1 }, (_, n) => `a${n}: viewer { name }`).join(' ');
    expect(await exceeded(`{ ${fields} }`)).toEqual(['root fields']);
    expect(await exceeded(`{ ...all } fragment all on Query { ${fields} }`)).toEqual(['root fields']);
  });

  it('refuse a text before it is parsed: too long, too many tokens or lines, nested too deeply', async () => {
    expect(await exceeded(`{ ${'a '.repeat(limits.tokens)} }`)).toEqual(['number of tokens']);
    expect(await exceeded(`{ viewer { name } } #${'x'.repeat(limits.documentLength)}`)).toEqual(['length']);
    expect(await exceeded(`{ viewer { name } }${'\n'.repeat(limits.documentLines)}`)).toEqual(['number of lines']);
    expect(await exceeded(`{ runs(filter: ${'{ NOT: '.repeat(2000)}{}${' }'.repeat(2000)}) { totalCount } }`)).toEqual([
      'nesting',
    ]);
    expect(await exceeded(`{ ${'a{'.repeat(4000)}`)).toEqual(['nesting']);
  });

  it('refuse fragments that double, whatever they come to when written out', async () => {
    const doubling = (count: number) =>
      Array.from({ length: count }, (_, n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`).join('\n');
    const query = (count: number) => `{ ...f0 } ${doubling(count)} fragment f${count} on Query { viewer { name } }`;
    expect(await exceeded(query(3))).toEqual([]);
    expect(await exceeded(query(30))).toEqual(['number of selections', 'root fields']);
    expect(await exceeded(query(limits.fragments))).toEqual(['number of fragments']);
  });

  it('refuse fragments that spread themselves as invalid', async () => {
    for (const query of [
      '{ ...f } fragment f on Query { ...f }',
      '{ run(id: "r") { ...f } } fragment f on Run { experiment { runs { nodes { ...g } } } } fragment g on Run { ...f }',
    ]) {
      const prepared = await prepare({ query });
      expect(prepared).toMatchObject([{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }]);
    }
  });

  it('refuse a field that is selected again and again in one place, which validation compares pair by pair', async () => {
    expect(await exceeded(`{ viewer { ${'name '.repeat(40)} } }`)).toEqual([]);
    expect(await exceeded(`{ viewer { ${'name '.repeat(50)} } }`)).toEqual(['number of repeated fields']);
    const names = JSON.stringify(Array.from({ length: 100 }, () => 'a'));
    const query = (count: number) => `{ run(id: "r") { ${`metrics(names: ${names}) { last } `.repeat(count)} } }`;
    expect(await exceeded(query(5))).toEqual([]);
    expect(await exceeded(query(20))).toEqual(['number of repeated fields']);
  });

  it('refuse variables of too many values and levels, however deep', async () => {
    const query = 'query ($filter: RunFilterInput) { runs(filter: $filter) { totalCount } }';
    const deep = JSON.parse(`${'{"NOT":'.repeat(200_000)}{}${'}'.repeat(200_000)}`);
    expect(await exceeded(query, { filter: deep })).toEqual(['depth of its variables']);
    expect(await exceeded(query, { filter: { AND: Array.from({ length: 30_000 }, () => ({})) } })).toEqual([
      'number of values in its variables',
    ]);
  });
});
