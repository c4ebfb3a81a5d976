import tCdf from '@stdlib/stats-base-dists-t-cdf';
import { noncentralTCdf } from '../../../../api/comparison/statistics/noncentral-t';
import { detectableEffect, pairedTPower, pairsNeeded } from '../../../../api/comparison/statistics/power';

describe('the noncentral t distribution', () => {
  // scipy.stats.nct.cdf(t, df, nc)
  it.each([
    [2.776445105, 4, 1, 0.8805475212462541],
    [2, 10, 3, 0.16848583858804345],
    [-1, 5, 2, 0.0023163756540751507],
    [2.26, 9, -1.5, 0.9995445636290281],
    [1.96, 199, 2.83, 0.19261847214008165],
    [0, 7, 1.2, 0.11506967022170833],
    [12.7, 1, 3, 0.813803218007604],
    [1.9602, 9999, 40, 0],
    [2.77, 4, 45, 0],
  ])(
    'at %d with %d degrees of freedom and noncentrality %d is that of SciPy',
    (t, degreesOfFreedom, noncentrality, p) => {
      expect(noncentralTCdf(t, degreesOfFreedom, noncentrality)).toBeCloseTo(p, 9);
    },
  );

  it("is Student's where the noncentrality is 0", () => {
    for (const t of [-3, -0.5, 0, 1.5, 4]) expect(noncentralTCdf(t, 6, 0)).toBeCloseTo(tCdf(t, 6), 12);
  });
});

describe('planning a comparison', () => {
  // G*Power 3.1, "t tests, means: difference between two dependent means", alpha .05, power .8: 199, 34, 15; also
  // statsmodels.stats.power.TTestPower().solve_power(effect_size=d, power=.8, alpha=.05), rounded up.
  it.each([
    [0.05, 3142],
    [0.2, 199],
    [0.5, 34],
    [0.8, 15],
    [1, 10],
    [1.5, 6],
    [2, 5],
    [3, 4],
    [-0.5, 34],
  ])('an effect of %d needs %d seeds', (effect, seeds) => {
    expect(pairsNeeded(effect)).toBe(seeds);
  });

  // TTestPower().power(d, n, .05)
  it.each([
    [5, 1, 0.4013899173717948],
    [10, 0.5, 0.2931756065140767],
    [33, 0.5, 0.795365841487504],
    [2, 3, 0.26077071422910936],
  ])('%d seeds find an effect of %d with a power of %d', (seeds, effect, power) => {
    expect(pairedTPower(seeds, effect)).toBeCloseTo(power, 8);
  });

  // TTestPower().solve_power(nobs=n, power=.8, alpha=.05)
  it.each([
    [2, 11.549889754978167],
    [3, 3.264043552819638],
    [5, 1.6819970833232674],
    [30, 0.5292357045238948],
  ])('%d seeds show an effect of %d', (seeds, effect) => {
    expect(detectableEffect(seeds) / effect).toBeCloseTo(1, 6);
  });

  it('no number of seeds shows that there is nothing', () => {
    expect([pairsNeeded(0), pairsNeeded(1e-4), pairsNeeded(Number.NaN)]).toEqual([null, null, null]);
  });
});
