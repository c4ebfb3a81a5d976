import fc from 'fast-check';
import { holm } from '../../../../api/comparison/statistics/holm';
import {
  describeDifferences,
  differencesOf,
  effectSize,
  hedgesCorrection,
  pairedT,
} from '../../../../api/comparison/statistics/paired-t';
import { leastWilcoxonP, wilcoxon } from '../../../../api/comparison/statistics/wilcoxon';

/** Darwin's maize plants, in eighths of an inch: crossed minus self-fertilised (Fisher, The Design of Experiments, ch. 3). */
const darwin = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75];
/** Five seeds of two methods. */
const values = [0.8149, 0.8102, 0.817, 0.809, 0.8133];
const against = [0.809, 0.8055, 0.812, 0.8101, 0.806];
const pairs = values.map((value, seed) => ({ value, against: against[seed]! }));
const differences = fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 2, maxLength: 12 });

describe('the paired t test', () => {
  it('gives what Fisher gives for the plants of Darwin: t = 2.148 with 14 degrees of freedom', () => {
    const test = pairedT(describeDifferences(darwin))!;
    expect(test.statistic).toBeCloseTo(2.148, 3);
    expect(test.degreesOfFreedom).toBe(14);
    // scipy.stats.ttest_1samp(darwin, 0)
    expect(test.p).toBeCloseTo(0.049702944021800866, 10);
  });

  it('agrees with scipy.stats.ttest_rel, interval included', () => {
    const sample = describeDifferences(differencesOf(pairs));
    expect(sample.mean).toBeCloseTo(0.00436, 12);
    expect(sample.interval!.low).toBeCloseTo(0.00036770749943184234, 12);
    expect(sample.interval!.high).toBeCloseTo(0.008352292500568084, 12);
    expect(pairedT(sample)!.statistic).toBeCloseTo(3.032167772511568, 9);
    expect(pairedT(sample)!.p).toBeCloseTo(0.03869816965561513, 10);
  });

  it('turns its sign and keeps its p where the groups change places', () => {
    fc.assert(
      fc.property(differences, (given) => {
        const [test, turned] = [given, given.map((difference) => -difference)].map((each) =>
          pairedT(describeDifferences(each)),
        );
        if (test == null) return expect(turned).toBeNull();
        expect(turned!.statistic).toBeCloseTo(-test.statistic, 9);
        expect(turned!.p).toBeCloseTo(test.p, 9);
      }),
    );
  });

  it('has nothing to test against where all differences are equal, although floats part them', () => {
    const equal = differencesOf([
      { value: 0.82, against: 0.8 },
      { value: 0.72, against: 0.7 },
      { value: 0.34, against: 0.32 },
    ]);
    expect(new Set(equal).size).toBe(1);
    expect(describeDifferences(equal)).toMatchObject({ mean: expect.closeTo(0.02, 12), standardDeviation: 0 });
    expect(pairedT(describeDifferences(equal))).toBeNull();
    expect(effectSize(describeDifferences(equal))).toBeNull();
  });

  it('takes a difference within rounding for none', () => {
    expect(differencesOf([{ value: 0.1 + 0.2, against: 0.3 }])).toEqual([0]);
    expect(differencesOf([{ value: 1e-9, against: 2e-9 }])).toEqual([-1e-9]);
  });

  it('judges rounding by the values of each pair alone', () => {
    const large = { value: 1e6, against: 1e6 };
    expect(differencesOf([large, { value: 3e-9, against: 2e-9 }])[1]).toBeCloseTo(1e-9, 18);
  });

  it('has the ties and signs of the counts that scores were made from, in any order', () => {
    const score = fc.record({ against: fc.integer({ min: 40, max: 1960 }), rows: fc.integer({ min: -40, max: 40 }) });
    const scores = fc.array(score, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(scores, fc.constantFrom(2000, 2388, 9543), (given, total) => {
        const found = differencesOf(
          given.map(({ against, rows }) => ({ value: (against + rows) / total, against: against / total })),
        );
        given.forEach(({ rows }, i) => {
          expect(found[i]).toBeCloseTo(rows / total, 12);
          given.forEach((other, j) => {
            expect(Math.sign(Math.abs(found[i]!) - Math.abs(found[j]!))).toBe(
              Math.sign(Math.abs(rows) - Math.abs(other.rows)),
            );
          });
        });
      }),
    );
  });
});

describe('the effect size', () => {
  it('is the mean over the deviation, and less so after the correction of Hedges', () => {
    // d.mean() / d.std(ddof=1) in NumPy; times J(4) below.
    const { cohenDz, hedgesGz } = effectSize(describeDifferences(differencesOf(pairs)))!;
    expect(cohenDz).toBeCloseTo(1.3560266517039967, 9);
    expect(hedgesGz).toBeCloseTo(1.3560266517039967 * 0.7978845608028654, 9);
  });

  // exp(gammaln(m / 2) - gammaln((m - 1) / 2)) / sqrt(m / 2) with scipy.special; Hedges (1981) has .7979, .9139, .9739.
  it.each([
    [2, 0.5641895835477564],
    [4, 0.7978845608028654],
    [9, 0.9138748917925523],
    [29, 0.9738749845967247],
  ])('is corrected with %d degrees of freedom by the exact factor', (degreesOfFreedom, factor) => {
    expect(hedgesCorrection(degreesOfFreedom)).toBeCloseTo(factor, 12);
  });

  it('is not corrected with two pairs', () => {
    expect(effectSize(describeDifferences([1, 2]))).toEqual({
      cohenDz: expect.closeTo(2.1213203436, 9),
      hedgesGz: null,
    });
  });
});

describe("Wilcoxon's test", () => {
  // scipy.stats.wilcoxon(darwin): statistic 24, p .041259765625, the table value of Siegel for n = 15.
  it('is exact for the plants of Darwin', () => {
    expect(wilcoxon(darwin)).toEqual({ statistic: 24, ranked: 15, zeros: 0, method: 'EXACT', p: 0.041259765625 });
  });

  // scipy.stats.wilcoxon(x, y, method=PermutationMethod(n_resamples=inf)): 18, .6328125. One zero, four ties.
  it('is exact with ties and zeros', () => {
    const x = [125, 115, 130, 140, 140, 115, 140, 125, 140, 135];
    const y = [110, 122, 125, 120, 140, 124, 123, 137, 135, 145];
    const test = wilcoxon(x.map((value, place) => value - y[place]!));
    expect(test).toEqual({ statistic: 18, ranked: 9, zeros: 1, method: 'EXACT', p: 0.6328125 });
  });

  // scipy.stats.wilcoxon(d, method="exact"): 577, .5655778099255286.
  it('is exact up to fifty differences', () => {
    const fifty = [
      1.048, 1.334, -0.197, 1.775, -0.675, 0.151, 0.153, -1.064, 0.438, 1.939, -1.025, 0.899, -0.155, 1.77, 0.484,
      0.676, 0.643, 0.249, -1.396, 1.392, -1.371, 0.239, 0.614, -0.838, 0.145, 1.168, -0.024, -0.889, -2.916, -0.972,
      -0.591, -0.516, -0.96, 0.377, -0.575, -0.109, 0.679, -0.855, -0.3, 2.158, 0.874, -1.294, -0.08, 0.564, 1.233,
      0.149, -0.531, -0.731, 0.645, 0.313,
    ];
    const test = wilcoxon(fifty)!;
    expect([test.statistic, test.method]).toEqual([577, 'EXACT']);
    expect(test.p).toBeCloseTo(0.5655778099255286, 10);
  });

  // scipy.stats.wilcoxon(d, zero_method="wilcox", method="approx", correction=False): 640, .8285195108033784.
  it('is approximated beyond, with the correction for ties', () => {
    const sixty = [
      6, 2, 1, -5, 0, 0, 1, -1, 1, -1, -3, 3, 3, 6, 1, 0, -1, -4, 4, -3, -3, 0, 5, 2, -2, -1, 3, 0, -2, 0, 3, 7, -3, -1,
      -2, -6, -2, -2, 4, 0, -4, 3, 0, -4, -1, -1, -2, 1, -6, 0, 4, 3, 4, 4, 5, -3, 3, -5, -1, -5,
    ];
    const test = wilcoxon(sixty)!;
    expect([test.statistic, test.ranked, test.zeros, test.method]).toEqual([640, 51, 9, 'NORMAL']);
    expect(test.p).toBeCloseTo(0.8285195108033784, 10);
  });

  it('counts every assignment of signs', () => {
    fc.assert(
      fc.property(differences, (given) => {
        const test = wilcoxon(given);
        const ranked = given.filter((difference) => difference !== 0);
        if (ranked.length === 0) return expect(test).toBeNull();
        expect(test!.p).toBeCloseTo(pByEnumeration(ranked), 12);
        expect(test!.p).toBeGreaterThanOrEqual(leastWilcoxonP(ranked.length) - 1e-15);
        expect(wilcoxon(given.map((difference) => -difference))).toEqual(test);
      }),
      { numRuns: 60 },
    );
  });

  // scipy.stats.wilcoxon([-1, 1, 6, -2, 2], method=PermutationMethod(n_resamples=inf)): .6875.
  it('ties a difference and its opposite, whatever the scores they are of', () => {
    const rows = [-1, 1, 6, -2, 2];
    const counts = fc.array(fc.integer({ min: 10, max: 2370 }), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(counts, (against) => {
        const scores = against.map((count, seed) => ({ value: (count + rows[seed]!) / 2388, against: count / 2388 }));
        expect(wilcoxon(differencesOf(scores))).toMatchObject({ statistic: 5, ranked: 5, zeros: 0, p: 0.6875 });
      }),
    );
  });

  it('has nothing to rank where all differences are 0', () => {
    expect(wilcoxon([0, 0, 0])).toBeNull();
    expect(wilcoxon([])).toBeNull();
  });
});

describe("Holm's correction", () => {
  // statsmodels.stats.multitest.multipletests(ps, method="holm")
  it('agrees with statsmodels', () => {
    const corrected = holm([0.01, 0.04, 0.03, 0.005, 0.2, 0.04]);
    [0.05, 0.12, 0.12, 0.03, 0.2, 0.12].forEach((p, place) => {
      expect(corrected[place]).toBeCloseTo(p, 12);
    });
  });

  it('counts only what was tested', () => {
    expect(holm([null, 0.02, null, 0.03])).toEqual([null, 0.04, null, 0.04]);
    expect(holm([])).toEqual([]);
  });

  it('keeps the order, lowers nothing and raises no more than Bonferroni', () => {
    const ps = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(ps, (given) => {
        const corrected = holm(given) as number[];
        given.forEach((p, i) => {
          expect(corrected[i]).toBeGreaterThanOrEqual(p);
          expect(corrected[i]).toBeLessThanOrEqual(Math.min(1, p * given.length));
          given.forEach((other, j) => {
            if (p < other) expect(corrected[i]).toBeLessThanOrEqual(corrected[j]!);
          });
        });
      }),
    );
  });
});

/** The definition, without any counting: ranks by comparing all with all, all 2^n signs one after the other. */
function pByEnumeration(ranked: readonly number[]): number {
  const sizes = ranked.map(Math.abs);
  const ranks = sizes.map(
    (size) => sizes.filter((other) => other < size).length + (sizes.filter((other) => other === size).length + 1) / 2,
  );
  const smaller = (signs: number) => {
    const positive = ranks.reduce((sum, rank, place) => sum + ((signs >> place) & 1 ? rank : 0), 0);
    return Math.min(positive, ranks.reduce((sum, rank) => sum + rank, 0) - positive);
  };
  const observed = smaller(ranked.reduce((signs, difference, place) => signs | (difference > 0 ? 1 << place : 0), 0));
  const all = 2 ** ranked.length;
  let asExtreme = 0;
  for (let signs = 0; signs < all; signs++) if (smaller(signs) <= observed) asExtreme += 1;
  return asExtreme / all;
}
