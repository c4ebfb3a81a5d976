import fc from 'fast-check';
import { combinedMcNemarP, mcNemar } from '../../../../api/comparison/statistics/mcnemar';

const rows = fc.record({ first: fc.integer({ min: 0, max: 60 }), second: fc.integer({ min: 0, max: 60 }) });

describe("McNemar's test", () => {
  // statsmodels.stats.contingency_tables.mcnemar([[50, first], [second, 50]], exact=first + second < 25, correction=True)
  it.each([
    [5, 12, 'EXACT', 0.143463134765625],
    [10, 14, 'EXACT', 0.5412561893463135],
    [3, 3, 'EXACT', 1],
    [0, 6, 'EXACT', 0.03125],
    [12, 13, 'CHI_SQUARE', 1],
    [1, 24, 'CHI_SQUARE', 1.0825087815407719e-5],
    [121, 59, 'CHI_SQUARE', 5.450094825427117e-6],
  ])('of %d and %d discordant rows is %s with the p of statsmodels', (first, second, method, p) => {
    const test = mcNemar({ first, second });
    expect(test.method).toBe(method);
    expect(test.p / p).toBeCloseTo(1, 8);
  });

  it('finds nothing where as many are right by one as by the other', () => {
    expect(mcNemar({ first: 40, second: 40 }).p).toBe(1);
    expect(mcNemar({ first: 0, second: 0 })).toEqual({ first: 0, second: 0, method: 'EXACT', p: 1 });
  });

  it('does not depend on the order of the models', () => {
    fc.assert(
      fc.property(rows, ({ first, second }) => {
        expect(mcNemar({ first: second, second: first }).p).toBeCloseTo(mcNemar({ first, second }).p, 12);
      }),
    );
  });
});

describe('McNemar over seeds', () => {
  it('is the test itself with one seed', () => {
    fc.assert(fc.property(rows, (seed) => expect(combinedMcNemarP([seed])).toBeCloseTo(mcNemar(seed).p, 12)));
  });

  // One-sided exact p: P(X <= 2 | 12), P(X <= 3 | 12), P(X <= 5 | 12) = .019287, .072998, .387207 (scipy.stats.binom.cdf);
  // the second smallest of three times 3 / 2, doubled for the two directions.
  it('takes the middle of the seeds by the rule of Rueger', () => {
    const seeds = [
      { first: 10, second: 2 },
      { first: 7, second: 5 },
      { first: 9, second: 3 },
    ];
    expect(combinedMcNemarP(seeds)).toBeCloseTo(2 * 1.5 * 0.072998046875, 12);
  });

  it('finds nothing where strong seeds contradict each other', () => {
    const [one, other] = [
      { first: 80, second: 20 },
      { first: 20, second: 80 },
    ];
    expect(mcNemar(one).p).toBeLessThan(1e-7);
    expect(combinedMcNemarP([one, other, one, other])).toBeLessThan(1e-6);
    expect(combinedMcNemarP([one, other, { first: 30, second: 30 }])).toBe(1);
  });

  it('has nothing to say without seeds', () => expect(combinedMcNemarP([])).toBeNull());
});
