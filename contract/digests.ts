import { createHash } from 'node:crypto';

/** Digests that files carry in their metadata, so that a changed bit in what is read of them is seen. */

/** Metadata of `history.parquet`: a JSON object, the digest of every series by the name of its metric. */
export const seriesDigestsName = 'digests';
/** Metadata of a file of predictions: the digest of its rows. */
export const predictionsDigestName = 'digest';

/** Enough to find damage, and small in files of thousands of series. */
const digestCharacters = 16;

/** The columns of a series, in the order of its rows. null: not finite. */
export interface SeriesColumns {
  step: ArrayLike<number>;
  epoch: ArrayLike<number>;
  elapsedSeconds: ArrayLike<number>;
  value: ArrayLike<number | null>;
}

/** SHA-256, shortened, of the columns one behind the other as float64, where NaN stands for null. */
export function digestOfSeries({ step, epoch, elapsedSeconds, value }: SeriesColumns): string {
  const digest = createHash('sha256');
  for (const column of [step, epoch, elapsedSeconds, value]) {
    const numbers = new Float64Array(column.length);
    for (let place = 0; place < numbers.length; place++) numbers[place] = column[place] ?? Number.NaN;
    digest.update(numbers);
  }
  return digest.digest('hex').slice(0, digestCharacters);
}

/** SHA-256 of the classes as stored, the rows' numbers, true and predicted classes, each an int32. */
export const digestOfPredictions = (
  classes: string,
  { row, label, predicted }: Record<'row' | 'label' | 'predicted', Int32Array>,
): string => createHash('sha256').update(classes).update(row).update(label).update(predicted).digest('hex');
