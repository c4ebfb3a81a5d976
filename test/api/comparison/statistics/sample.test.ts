import { describeSample } from '../../../../api/comparison/statistics/sample';

describe('a sample', () => {
  // Worked by hand: the deviations from .814 have the squares .000196, .000036, .000016, .001296, .000576, in sum .00212.
  // t(.975, 4) = 2.7764451051977987 (scipy.stats.t.ppf); the half width is t * sqrt(.00212 / 4 / 5) = .02858525191.
  it('has the mean, the deviation and the interval that are worked out by hand', () => {
    const { n, mean, standardDeviation, interval } = describeSample([0.8, 0.82, 0.81, 0.85, 0.79]);
    expect(n).toBe(5);
    expect(mean).toBeCloseTo(0.814, 12);
    expect(standardDeviation).toBeCloseTo(0.02302172886644, 12);
    expect(interval!.low).toBeCloseTo(0.814 - 0.02858525191, 10);
    expect(interval!.high).toBeCloseTo(0.814 + 0.02858525191, 10);
  });

  // scipy.stats.t.ppf(.975, df): 1 -> 12.706204736174694, 2 -> 4.302652729911275, 9 -> 2.2621571627409915.
  it.each([
    [[0, 1], 12.706204736174694 * Math.SQRT1_2 * Math.SQRT1_2],
    [[1, 2, 3], 4.302652729911275 / Math.sqrt(3)],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], (2.2621571627409915 * Math.sqrt(82.5 / 9)) / Math.sqrt(10)],
  ])('%j has the half width that follows from the published quantile', (values, half) => {
    const { mean, interval } = describeSample(values);
    expect(interval!.high - mean!).toBeCloseTo(half, 9);
    expect(mean! - interval!.low).toBeCloseTo(half, 9);
  });

  it('keeps its digits where values are large and close together', () => {
    expect(describeSample([1e9 + 1, 1e9 + 2, 1e9 + 3]).standardDeviation).toBe(1);
  });

  it('has the very mean of equal values and no spread, and a mean of 0 where values cancel', () => {
    const { mean, standardDeviation, interval } = describeSample([0.1, 0.1, 0.1]); // 0.1 + 0.1 + 0.1 > 0.3
    expect({ mean, standardDeviation, interval }).toEqual({
      mean: 0.1,
      standardDeviation: 0,
      interval: { low: 0.1, high: 0.1 },
    });
    expect(describeSample([0.1, 0.2, -0.3]).mean).toBe(0); // 0.1 + 0.2 - 0.3 > 0
  });

  it('has no spread with one value, and no mean with none', () => {
    expect(describeSample([0.5])).toEqual({ n: 1, mean: 0.5, standardDeviation: null, interval: null });
    expect(describeSample([])).toEqual({ n: 0, mean: null, standardDeviation: null, interval: null });
  });

  it('is null where it is beyond the numbers there are, and never infinite', () => {
    expect(describeSample([1e308, 1.5e308])).toEqual({ n: 2, mean: null, standardDeviation: null, interval: null });
    expect(describeSample([1e200, -1e200])).toEqual({ n: 2, mean: 0, standardDeviation: null, interval: null });
  });
});
