import quantile from '@stdlib/stats-base-dists-t-quantile';
import { withoutRounding } from './rounding';

/** What n values say about the mean of what they come from. */
export interface Sample {
  n: number;
  /** null without values. */
  mean: number | null;
  /** With n - 1 in the denominator; null below two values. */
  standardDeviation: number | null;
  /** 95 % interval of the mean by Student's t with n - 1 degrees of freedom; null below two values. */
  interval: Interval | null;
}

export interface Interval {
  low: number;
  high: number;
}

const confidence = 0.95;

/** Equal values have just that mean, and values that cancel a mean of 0: a sum of floats has either but for rounding. */
function meanOf(values: readonly number[]): number {
  const [first] = values;
  if (values.every((value) => value === first)) return first!;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return withoutRounding(mean, Math.max(...values.map(Math.abs)));
}

/**
 * Mean, standard deviation and interval of values taken to be independent and near normal.
 * mean +- t(1 - 0.05 / 2, n - 1) * s / sqrt(n)
 * What is beyond the numbers there are (values around 1e154 have squares that are) is null.
 */
export function describeSample(values: readonly number[]): Sample {
  const n = values.length;
  if (n === 0) return { n, mean: null, standardDeviation: null, interval: null };
  const mean = meanOf(values);
  if (!Number.isFinite(mean)) return { n, mean: null, standardDeviation: null, interval: null };
  if (n === 1) return { n, mean, standardDeviation: null, interval: null };
  // Two passes: the one-pass formula loses all digits where values are close together, as accuracies are.
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const standardDeviation = Math.sqrt(squares / (n - 1));
  if (!Number.isFinite(standardDeviation)) return { n, mean, standardDeviation: null, interval: null };
  const half = (upperQuantile(n - 1) * standardDeviation) / Math.sqrt(n);
  return { n, mean, standardDeviation, interval: { low: mean - half, high: mean + half } };
}

const upperQuantiles = new Map<number, number>();

/** Student's t at 1 - 0.05 / 2. Kept: groups mostly have as many runs as each other, at most as many as are compared. */
function upperQuantile(degreesOfFreedom: number): number {
  const known = upperQuantiles.get(degreesOfFreedom);
  if (known !== undefined) return known;
  const computed = quantile(1 - (1 - confidence) / 2, degreesOfFreedom);
  upperQuantiles.set(degreesOfFreedom, computed);
  return computed;
}
