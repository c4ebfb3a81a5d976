import { breathe, outOfBreath } from '../../shared/breathe';
import {
  addRow,
  countDrawn,
  noRows,
  type ResampledRows,
  type RowBits,
  resampleSeeds,
  resamples,
  rowBits,
} from './resampled-rows';
import { withoutRounding } from './rounding';

/** What a model took the rows of a split for. All models of one comparison are asked for the same rows. */
export interface Predicted {
  /** True class of each row, [n]. */
  labels: Int32Array;
  /** Class it was taken for, [n]. */
  predicted: Int32Array;
  classCount: number;
  /** The rows where both agree. */
  right: RowBits;
}

/** A score that a bootstrap can compute again from predictions. */
export type ResampledScore = 'accuracy' | 'macro-f1';

/** How often each resample drew a row of each class: [classes][resamples]. Alike for all models. */
export async function drawnByClass(rows: ResampledRows, { labels, classCount }: Predicted): Promise<Int32Array[]> {
  const drawn: Int32Array[] = [];
  for (let k = 0; k < classCount; k++)
    drawn.push(
      await countDrawn(
        rows,
        rowBits(rows.rows, (row) => labels[row] === k),
      ),
    );
  return drawn;
}

/** The score of one model on every resample of the rows: [resamples]. @param drawn as `drawnByClass` gives it */
export async function resampledScores(
  rows: ResampledRows,
  drawn: readonly Int32Array[],
  model: Predicted,
  score: ResampledScore,
): Promise<Float64Array> {
  if (score === 'macro-f1') return resampledF1(rows, drawn, model);
  const right = await countDrawn(rows, model.right);
  const accuracy = new Float64Array(resamples);
  for (let i = 0; i < resamples; i++) accuracy[i] = right[i]! / rows.rows;
  return accuracy;
}

/** Only errors are counted, class by class: what is right is the rest of what was drawn. */
async function resampledF1(rows: ResampledRows, drawn: readonly Int32Array[], model: Predicted): Promise<Float64Array> {
  const hits = drawn.map((counts) => counts.slice());
  const taken = drawn.map(() => new Int32Array(resamples));
  for (const { label, predicted, bits } of errorsOf(model)) {
    const errors = await countDrawn(rows, bits);
    const [missed, mistaken] = [hits[label]!, taken[predicted]!];
    for (let i = 0; i < resamples; i++) {
      missed[i]! -= errors[i]!;
      mistaken[i]! += errors[i]!;
    }
  }
  const f1 = new Float64Array(resamples);
  for (const [k, ofClass] of hits.entries()) {
    const [actual, mistaken] = [drawn[k]!, taken[k]!];
    if (outOfBreath()) await breathe();
    for (let i = 0; i < resamples; i++)
      // 0 / 0 counts as 0, as in the metric.
      if (ofClass[i] !== 0) f1[i]! += (2 * ofClass[i]!) / (actual[i]! + ofClass[i]! + mistaken[i]!) / drawn.length;
  }
  return f1;
}

/** The rows of each class that were taken for another, by both. */
function errorsOf({ labels, predicted, classCount }: Predicted) {
  const errors = new Map<number, { label: number; predicted: number; bits: RowBits }>();
  for (let row = 0; row < labels.length; row++) {
    const [label, taken] = [labels[row]!, predicted[row]!];
    if (label === taken) continue;
    const cell = label * classCount + taken;
    const known = errors.get(cell) ?? { label, predicted: taken, bits: noRows(labels.length) };
    errors.set(cell, known);
    addRow(known.bits, row);
  }
  return errors.values();
}

/**
 * 95 % interval of the mean difference between two methods over seeds and rows: both are drawn with replacement, each by
 * itself, since every seed was scored on the same rows (the pigeonhole bootstrap; Owen 2007), and both methods see the
 * same draw, which keeps the pairs. The ends are the 2.5 % and 97.5 % quantiles over the resamples. For crossed samples
 * its variance is somewhat too large, for few seeds the quantiles somewhat too near: simulated with 3 to 10 seeds and 1,200
 * rows, such intervals held the truth in 95.6 to 98.8 of 100 cases.
 *
 * @param pairs scores of each seed on each resample, as `resampledScores` gives them
 */
export function bootstrapInterval(pairs: readonly { value: Float64Array; against: Float64Array }[]): {
  low: number;
  high: number;
} {
  const n = pairs.length;
  const seeds = seedsOf(n);
  // [resamples, n]
  const differences = new Float64Array(resamples * n);
  for (const [place, { value, against }] of pairs.entries())
    for (let resample = 0; resample < resamples; resample++)
      differences[resample * n + place] = value[resample]! - against[resample]!;
  const means = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    let sum = 0;
    for (let at = resample * n; at < (resample + 1) * n; at++) sum += differences[resample * n + seeds[at]!]!;
    means[resample] = sum / n;
  }
  means.sort();
  // Scores are shares of rows, at most 1. An end that is 0 must be it: a verdict asks whether the interval touches 0.
  const end = (share: number) => withoutRounding(quantile(means, share), 1);
  return { low: end(0.025), high: end(0.975) };
}

const drawnSeeds = new Map<number, Uint32Array>();

/** The draws of the last number of seeds are kept: all pairs of a comparison mostly share it. */
function seedsOf(n: number): Uint32Array {
  const seeds = drawnSeeds.get(n) ?? resampleSeeds(n);
  drawnSeeds.clear();
  drawnSeeds.set(n, seeds);
  return seeds;
}

/** By linear interpolation between order statistics, as NumPy does. */
function quantile(ascending: Float64Array, share: number): number {
  const place = share * (ascending.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, ascending.length - 1);
  return ascending[below]! + (place - below) * (ascending[above]! - ascending[below]!);
}
