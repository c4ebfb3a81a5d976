import quantile from '@stdlib/stats-base-dists-t-quantile';
import { noncentralTCdf } from './noncentral-t';

/** What planning is for: a two-sided paired t test at the 5 % level that finds what is there in 4 of 5 comparisons. */
const [level, power] = [0.05, 0.8];
/** Beyond this nobody runs a comparison by seeds. */
const mostPairs = 10_000;
/** Two pairs are enough for it. */
const largestEffect = 12;
/** (z(.975) + z(.8))^2: with this many pairs over effect^2 a test that knew the deviation would do; t needs more. */
const pairsOfNormalTest = 7.848879734349086;

/**
 * Chance that a paired t test of n pairs finds a difference.
 * @param n at least 2
 * @param effect true mean difference over the standard deviation of the differences
 */
export function pairedTPower(n: number, effect: number): number {
  const critical = criticalT(n - 1);
  const noncentrality = Math.abs(effect) * Math.sqrt(n);
  return 1 - noncentralTCdf(critical, n - 1, noncentrality) + noncentralTCdf(-critical, n - 1, noncentrality);
}

/** The least number of pairs with a power of 80 %; null: more than 10,000, or no effect at all. */
export function pairsNeeded(effect: number): number | null {
  const size = Math.min(Math.abs(effect), largestEffect);
  let pairs = Math.max(2, Math.ceil(pairsOfNormalTest / size ** 2));
  while (pairs <= mostPairs && pairedTPower(pairs, size) < power) pairs += 1;
  return pairs <= mostPairs ? pairs : null;
}

/** The least effect that n pairs show with a power of 80 %. @param n at least 2 */
export const detectableEffect = remembered((n: number) => {
  let [tooSmall, enough] = [0, largestEffect];
  while (enough - tooSmall > 1e-9 * enough) {
    const middle = (tooSmall + enough) / 2;
    if (pairedTPower(n, middle) >= power) enough = middle;
    else tooSmall = middle;
  }
  return enough;
});

/** The quantile is by far the slowest part of a power. */
const criticalT = remembered((degreesOfFreedom: number) => quantile(1 - level / 2, degreesOfFreedom));

/** All comparisons ask for the same few numbers of pairs, of which there are at most `mostPairs`. */
function remembered(compute: (n: number) => number): (n: number) => number {
  const known = new Map<number, number>();
  return (n) => {
    const value = known.get(n) ?? compute(n);
    known.set(n, value);
    return value;
  };
}
