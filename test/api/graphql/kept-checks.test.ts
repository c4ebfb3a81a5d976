import fc from 'fast-check';
import { getOperationAST, parse } from 'graphql';
import { checkCostOnce, checkTextOnce, parseOnce } from '../../../api/graphql/kept-checks';
import { prepareOperation } from '../../../api/graphql/operation';
import { checkCost, checkText, limits } from '../../../api/shared/limits';
import { apiSchema } from '../../testkit/ask';
import { seeded } from '../../testkit/seed';

const messages = (errors: readonly { message: string }[]) => errors.map(({ message }) => message);

describe('the length of a text', () => {
  it('is refused every time, and what passes passes every time', () => {
    const long = `{ ${'x '.repeat(limits.documentLength)} }`;
    for (const text of [long, '{ viewer { name } }', long, '{ viewer { name } }'])
      expect(messages(checkTextOnce(text))).toEqual(messages(checkText(text)));
  });
});

describe('a text', () => {
  it('is the same document every time, and another one where a character differs', () => {
    const text = '{ viewer { name } }';
    expect(parseOnce(text)).toBe(parseOnce(text));
    expect(parseOnce(`${text} `)).not.toBe(parseOnce(text));
    expect(parseOnce(text)).toEqual(parse(text));
  });

  it('that cannot be parsed fails every time', () => {
    for (let time = 0; time < 2; time++) expect(() => parseOnce('{ viewer {')).toThrow('Syntax Error');
  });
});

const document = parseOnce(`
  query Small { viewer { name } }
  query Page($first: Int!, $filter: RunFilterInput) { runs(first: $first, filter: $filter) { nodes { id metrics { name last } } } }
  query Compare($ids: [ID!]!) { compare(experimentIds: $ids, metric: "test/accuracy") { __typename } }
`);
const filter = fc.constantFrom({ seed: { eq: 1 } }, { variant: { eq: 'kd' } }, { nothing: 1 }, null);
const variables = fc.oneof(
  fc.record({ first: fc.constantFrom(1, 20, 200, 100_000, 'x', null), filter }, { requiredKeys: [] }),
  fc.record({ ids: fc.array(fc.constantFrom('a', 'b'), { maxLength: 3 }) }),
  fc.constant({ filter: { variant: { eq: 'x'.repeat(3_000) } }, first: 1 }),
);

describe('the cost of an operation', () => {
  it('is that of its own variables, however often and in which order operations come', async () => {
    const schema = await apiSchema();
    const requests = fc.array(fc.tuple(fc.constantFrom('Small', 'Page', 'Compare'), variables), { maxLength: 30 });
    fc.assert(
      fc.property(requests, (given) => {
        for (const [name, values] of given) {
          const operation = getOperationAST(document, name)!;
          const once = checkCostOnce(schema, document, values, operation);
          expect(messages(once)).toEqual(messages(checkCost(schema, document, values, operation)));
        }
      }),
      { ...seeded(), numRuns: 30 },
    );
  });

  it('refuses a page that is too large after one that is not, and the other way round', async () => {
    const schema = await apiSchema();
    const aliases = ['a', 'b', 'c', 'd', 'e'].map((alias) => `${alias}: metrics { name last best }`);
    const query = `query ($first: Int!) { runs(first: $first) { nodes { ${aliases.join(' ')} } } }`;
    const isAllowed = (first: number) =>
      'schema' in prepareOperation({ schema, introspection: true }, { query, variables: { first } }, {} as never);
    const allowed = [1, 200, 1, 200].map(isAllowed);
    expect(allowed).toEqual([true, false, true, false]);
  });

  it('looks at variables that are too deep or too many before it makes a key of them', async () => {
    const schema = await apiSchema();
    const operation = getOperationAST(document, 'Page')!;
    let deep: object = {};
    for (let depth = 0; depth < 100_000; depth++) deep = { NOT: deep };
    expect(messages(checkCostOnce(schema, document, { filter: deep }, operation))[0]).toMatch(/depth of its variables/);
  });
});
