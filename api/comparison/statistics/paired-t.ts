import gammaln from '@stdlib/math-base-special-gammaln';
import cdf from '@stdlib/stats-base-dists-t-cdf';
import { describeSample, type Sample } from './sample';

/** Two values that belong together: of two groups with one seed. */
export interface ValuePair {
  value: number;
  against: number;
}

/** Student's t test of paired values: is the mean of the differences 0? */
export interface PairedT {
  statistic: number;
  degreesOfFreedom: number;
  /** Two-sided. */
  p: number;
}

/** How large the mean difference is in units of the standard deviation of the differences. */
export interface EffectSize {
  /** Cohen's d_z: mean / standard deviation. */
  cohenDz: number;
  /** d_z without the bias of few pairs (Hedges 1981); null with two pairs, where the correction is 0. */
  hedgesGz: number | null;
}

/** Relative to the values: rounding of two equal differences parts them by less, one test row among a million by more. */
const roundingShare = 1e-12;

/**
 * value - against of every pair. What is left of two equal differences after rounding (.82 - .80 and .72 - .70 are not
 * the same float) would look like a spread, so differences that are that close to another are given its value.
 */
export function differencesOf(pairs: readonly ValuePair[]): number[] {
  const scale = Math.max(...pairs.flatMap(({ value, against }) => [Math.abs(value), Math.abs(against)]));
  const known = [0];
  return pairs.map(({ value, against }) => {
    const difference = value - against;
    const equal = known.find((one) => Math.abs(one - difference) <= roundingShare * scale);
    if (equal === undefined) known.push(difference);
    return equal ?? difference;
  });
}

/** null below two differences, and where all are equal: without a spread there is nothing to test against. */
export function pairedT(differences: Sample): PairedT | null {
  const { n, mean, standardDeviation } = differences;
  if (mean === null || !standardDeviation) return null;
  const statistic = mean / (standardDeviation / Math.sqrt(n));
  return { statistic, degreesOfFreedom: n - 1, p: 2 * cdf(-Math.abs(statistic), n - 1) };
}

/** null where `pairedT` is. */
export function effectSize(differences: Sample): EffectSize | null {
  const { n, mean, standardDeviation } = differences;
  if (mean === null || !standardDeviation) return null;
  const cohenDz = mean / standardDeviation;
  return { cohenDz, hedgesGz: n > 2 ? cohenDz * hedgesCorrection(n - 1) : null };
}

/** J(m) = Gamma(m / 2) / (sqrt(m / 2) Gamma((m - 1) / 2)): the exact correction, not its usual approximation. */
export function hedgesCorrection(degreesOfFreedom: number): number {
  const half = degreesOfFreedom / 2;
  return Math.exp(gammaln(half) - gammaln(half - 0.5) - Math.log(half) / 2);
}

/** The differences, described; all equal ones have a spread of exactly 0. */
export function describeDifferences(differences: readonly number[]): Sample {
  const [first] = differences;
  if (differences.length < 2 || differences.some((difference) => difference !== first))
    return describeSample(differences);
  return { n: differences.length, mean: first!, standardDeviation: 0, interval: null };
}
