import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import {
  bootstrapInterval,
  drawnByClass,
  type Predicted,
  type ResampledScore,
  resampledScores,
} from '../../../../api/comparison/statistics/bootstrap';
import {
  countDrawn,
  countRows,
  type ResampledRows,
  resampleRows,
  resamples,
  rowBits,
} from '../../../../api/comparison/statistics/resampled-rows';
import { scoresOf } from '../../../../trainer/evaluation/evaluate';

const rows = 300;
const labels = Int32Array.from({ length: rows }, (_, i) => i % 3);

/** Made-up predictions of two methods; the same formula stood in the NumPy script whose results are below. */
function model(method: 'a' | 'b', seed: number): Predicted {
  const predicted = labels.map((label, i) => {
    const draw = (i * i * 7 + seed * 29 + (method === 'b' ? 0 : 3) * i) % 101;
    return draw < (method === 'a' ? 30 : 38) + seed * 2 ? (label + 1 + (i % 2)) % 3 : label;
  });
  const right = rowBits(rows, (row) => labels[row] === predicted[row]);
  return { labels, predicted, classCount: 3, right };
}

const resampled = resampleRows(rows);
/** The counts of each row by itself: [rows][resamples]. */
const countsByRow = (of: ResampledRows, size: number) =>
  Promise.all(
    Array.from({ length: size }, (_, row) =>
      countDrawn(
        of,
        rowBits(size, (other) => other === row),
      ),
    ),
  );
const scoresOfModel = async (of: Predicted, score: ResampledScore) =>
  resampledScores(await resampled, await drawnByClass(await resampled, of), of, score);
const interval = async (
  seeds: readonly number[],
  score: ResampledScore,
  [one, other]: ['a' | 'b', 'a' | 'b'] = ['a', 'b'],
) =>
  bootstrapInterval(
    await Promise.all(
      seeds.map(async (seed) => ({
        value: await scoresOfModel(model(one, seed), score),
        against: await scoresOfModel(model(other, seed), score),
      })),
    ),
  );

describe('the bootstrap over seeds and rows', () => {
  // NumPy, 20,000 resamples, numpy.random.default_rng(5): seeds and rows drawn independently, paired.
  // 2,000 resamples leave the ends open by some .003.
  it.each([
    ['accuracy', [0, 1, 2, 3], -0.03083, 0.10667],
    ['accuracy', [0], -0.12667, 0.02667],
    ['macro-f1', [0, 1, 2, 3], -0.03075, 0.10651],
  ] as const)('of %s over seeds %j has the interval that NumPy gives', async (score, seeds, low, high) => {
    const found = await interval(seeds, score);
    expect(Math.abs(found.low - low)).toBeLessThan(0.006);
    expect(Math.abs(found.high - high)).toBeLessThan(0.006);
  });

  it('is the same every time', async () => {
    expect(await interval([0, 1, 2], 'accuracy')).toEqual(await interval([0, 1, 2], 'accuracy'));
  });

  it('changes its signs where the methods change places', async () => {
    const [found, turned] = [await interval([0, 1, 2], 'accuracy'), await interval([0, 1, 2], 'accuracy', ['b', 'a'])];
    expect(turned.low).toBeCloseTo(-found.high, 12);
    expect(turned.high).toBeCloseTo(-found.low, 12);
  });

  it('has no width where both are the same', async () => {
    expect(await interval([0, 1], 'macro-f1', ['a', 'a'])).toEqual({ low: 0, high: 0 });
  });

  it('ends at 0 itself where differences cancel but for rounding', () => {
    const constant = (value: number) => new Float64Array(resamples).fill(value);
    const found = bootstrapInterval([{ value: constant(0.1 + 0.2), against: constant(0.3) }]);
    expect(found).toEqual({ low: 0, high: 0 });
  });
});

describe('resampled rows', () => {
  /** How often each row was drawn in each resample: [rows][resamples]. */
  let drawn: Int32Array[];
  beforeAll(async () => {
    drawn = await countsByRow(await resampled, rows);
  });

  it('are as many as there are rows, in every resample', async () => {
    const totals = Array.from({ length: resamples }, (_, at) => drawn.reduce((sum, counts) => sum + counts[at]!, 0));
    expect(new Set(totals)).toEqual(new Set([rows]));
    const ofAll = await countDrawn(
      await resampled,
      rowBits(rows, () => true),
    );
    expect(ofAll[7]).toBe(rows);
  });

  it('are drawn once in the mean, with the variance of drawing with replacement', () => {
    const counts = drawn.flatMap((ofRow) => [...ofRow]);
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    const variance = counts.reduce((sum, count) => sum + (count - 1) ** 2, 0) / counts.length;
    expect(mean).toBeCloseTo(1, 12);
    // Binomial: rows * 1/rows * (1 - 1/rows); 600,000 counts leave it open by some .003.
    expect(Math.abs(variance - (1 - 1 / rows))).toBeLessThan(0.01);
  });

  it.each(['accuracy', 'macro-f1'] as const)(
    'give the %s that the evaluation gives on the drawn rows',
    async (score) => {
      const scores = await scoresOfModel(model('a', 2), score);
      const { predicted } = model('a', 2);
      for (const resample of [0, 1, 999, 1999]) {
        const all = drawn.flatMap((counts, row) => new Array<number>(counts[resample]!).fill(row));
        const logits = Float32Array.from(all.flatMap((row) => [0, 1, 2].map((k) => (predicted[row] === k ? 1 : 0))));
        const expected = scoresOf(
          logits,
          Int32Array.from(all, (row) => labels[row]!),
          3,
        ).values[score];
        expect(scores[resample]).toBeCloseTo(expected, 12);
      }
    },
  );

  it('have bits that are counted alone and without others', () => {
    const [one, other] = [rowBits(70, (row) => row % 3 === 0), rowBits(70, (row) => row % 2 === 0)];
    // 0, 3 .. 69; of these the odd ones are 3, 9 .. 69.
    expect([countRows(one), countRows(one, other)]).toEqual([24, 12]);
  });

  it('take any number of rows, and count by bits what a loop counts', async () => {
    const generator = xoroshiro128plus(9);
    for (const size of [1, 2, 31, 32, 33, 70]) {
      const chosen = Array.from({ length: size }, () => uniformInt(generator, 0, 1) === 1);
      const few = await resampleRows(size);
      const counts = await countDrawn(
        few,
        rowBits(size, (row) => chosen[row]!),
      );
      const single = await countsByRow(few, size);
      for (const at of [0, resamples - 1])
        expect(counts[at]).toBe(single.reduce((sum, ofRow, row) => sum + (chosen[row] ? ofRow[at]! : 0), 0));
    }
  });
});
