import { countDrawn, type ResampledRows, resampleSeeds, resamples, rowBits } from './resampled-rows';

/** What a model took the rows of a split for. All models of one comparison are asked for the same rows. */
export interface Predicted {
  /** True class of each row, [n]. */
  labels: Int32Array;
  /** Class it was taken for, [n]. */
  predicted: Int32Array;
  classCount: number;
}

/** A score that a bootstrap can compute again from predictions. */
export type ResampledScore = 'accuracy' | 'macro-f1';

/** The score of one model on every resample of the rows: [resamples]. */
export function resampledScores(rows: ResampledRows, model: Predicted, score: ResampledScore): Float64Array {
  const { labels, predicted, classCount } = model;
  const count = (holds: (row: number) => boolean) => countDrawn(rows, rowBits(rows.rows, holds));
  if (score === 'accuracy') return count((row) => predicted[row] === labels[row]).map((right) => right / rows.rows);
  const f1 = new Float64Array(resamples);
  for (let k = 0; k < classCount; k++) {
    const hits = count((row) => predicted[row] === k && labels[row] === k);
    const actual = count((row) => labels[row] === k);
    const taken = count((row) => predicted[row] === k);
    // 0 / 0 counts as 0, as in the metric.
    for (let i = 0; i < resamples; i++)
      f1[i]! += hits[i] === 0 ? 0 : (2 * hits[i]!) / (actual[i]! + taken[i]!) / classCount;
  }
  return f1;
}

/**
 * 95 % interval of the mean difference between two methods over seeds and rows: both are drawn with replacement, each by
 * itself, since every seed was scored on the same rows (the pigeonhole bootstrap; Owen 2007: its variance is never too
 * small for crossed samples, at most somewhat too large). Both methods see the same draw, which keeps the pairs.
 * The ends are the 2.5 % and 97.5 % quantiles over the resamples.
 *
 * @param pairs scores of each seed on each resample, as `resampledScores` gives them
 */
export function bootstrapInterval(pairs: readonly { value: Float64Array; against: Float64Array }[]): {
  low: number;
  high: number;
} {
  const n = pairs.length;
  const seeds = resampleSeeds(n);
  const means = Float64Array.from({ length: resamples }, (_, resample) => {
    let sum = 0;
    for (let drawn = 0; drawn < n; drawn++) {
      const { value, against } = pairs[seeds[resample * n + drawn]!]!;
      sum += value[resample]! - against[resample]!;
    }
    return sum / n;
  }).sort();
  return { low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/** By linear interpolation between order statistics, as NumPy does. */
function quantile(ascending: Float64Array, share: number): number {
  const place = share * (ascending.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, ascending.length - 1);
  return ascending[below]! + (place - below) * (ascending[above]! - ascending[below]!);
}
