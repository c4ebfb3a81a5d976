import gammaln from '@stdlib/math-base-special-gammaln';
import cdf from '@stdlib/stats-base-dists-t-cdf';
import { withEqualMagnitudes } from './rounding';
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

/**
 * value - against of every pair. What is left of two equal differences after rounding (.82 - .80 and .72 - .70 are not
 * the same float) would look like a spread, and would rank a difference and its opposite: both are made equal.
 */
export const differencesOf = (pairs: readonly ValuePair[]): number[] =>
  withEqualMagnitudes(
    pairs.map(({ value, against }) => ({
      value: value - against,
      size: Math.max(Math.abs(value), Math.abs(against)),
    })),
  );

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

/** The differences, described. All equal ones have no spread, so nothing tells how far their mean may be off. */
export function describeDifferences(differences: readonly number[]): Sample {
  const sample = describeSample(differences);
  return sample.standardDeviation === 0 ? { ...sample, interval: null } : sample;
}
