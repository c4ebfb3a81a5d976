import fc from 'fast-check';
import { type SplitParameters, type Splits, splitRows } from '../../../trainer/data/splits';

const defaults: SplitParameters = { quizShare: 0.1, devShare: 0.1, trainShare: 1, trainOnQuiz: false };

/** `counts[k]` rows of class k, the classes mixed. */
function labelsOf(counts: number[]): Int32Array {
  const labels: number[] = [];
  for (let row = 0; labels.length < counts.reduce((a, b) => a + b, 0); row++)
    for (const [label, count] of counts.entries()) if (row < count) labels.push(label);
  return Int32Array.from(labels);
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `class ${index}`);

function split(labels: Int32Array, parameters: Partial<SplitParameters> = {}, seed = 0): Splits {
  const outcome = splitRows(labels, names(Math.max(...labels) + 1), { ...defaults, ...parameters }, seed);
  if (outcome.kind === 'invalid') throw new Error(JSON.stringify(outcome.problems));
  return outcome.value;
}

const share = fc.double({ min: 0.05, max: 0.45, noNaN: true });
/** Of 40 rows at least 4 remain for train. */
const trainShares = fc.double({ min: 0.3, max: 1, noNaN: true });
const counts = fc.array(fc.integer({ min: 40, max: 200 }), { minLength: 2, maxLength: 5 });
const seeds = fc.integer({ min: 0, max: 0xffffffff });

test('splits are disjoint and together all rows', () => {
  fc.assert(
    fc.property(counts, share, share, seeds, fc.boolean(), (counts, quizShare, devShare, seed, trainOnQuiz) => {
      const labels = labelsOf(counts);
      const { train, quiz, dev } = split(labels, { quizShare, devShare, trainOnQuiz }, seed);

      const rows = [...train, ...quiz, ...dev].sort((a, b) => a - b);
      expect(rows).toEqual(Array.from(labels.keys()));
    }),
    { numRuns: 50 },
  );
});

test('every class has its share of every split, within one row', () => {
  fc.assert(
    fc.property(counts, share, share, trainShares, seeds, (counts, quizShare, devShare, trainShare, seed) => {
      const labels = labelsOf(counts);
      const splits = split(labels, { quizShare, devShare, trainShare }, seed);

      for (const [label, count] of counts.entries()) {
        const inSplit = (rows: Int32Array) => rows.filter((row) => labels[row] === label).length;
        expect(Math.abs(inSplit(splits.quiz) - count * quizShare)).toBeLessThan(1);
        expect(Math.abs(inSplit(splits.dev) - count * devShare)).toBeLessThan(1);
        const rest = count * (1 - quizShare - devShare);
        expect(Math.abs(inSplit(splits.train) - rest * trainShare)).toBeLessThan(2);
      }
    }),
    { numRuns: 50 },
  );
});

test('the same seed gives the same rows, another seed others', () => {
  const labels = labelsOf([100, 60]);

  expect(split(labels, {}, 5)).toEqual(split(labels, {}, 5));
  expect(split(labels, {}, 5).dev).not.toEqual(split(labels, {}, 6).dev);
});

test('training on quiz rows adds exactly them, whatever share of the others is used', () => {
  const labels = labelsOf([100, 60]);

  for (const trainShare of [1, 0.5]) {
    const without = split(labels, { trainShare });
    const added = split(labels, { trainShare, trainOnQuiz: true });

    expect(added.quiz).toHaveLength(0);
    expect(added.dev).toEqual(without.dev);
    expect(added.train).toEqual(Int32Array.from([...without.train, ...without.quiz]).sort());
  }
});

test('a smaller share of the train rows is part of a larger one', () => {
  const labels = labelsOf([100, 60]);
  const half = new Set(split(labels, { trainShare: 0.5 }).train);

  for (const row of split(labels, { trainShare: 0.2 }).train) expect(half.has(row)).toBe(true);
});

test('rows come in ascending order, past ten', () => {
  const { train } = split(labelsOf([100, 60]));

  expect(Array.from(train)).toEqual(Array.from(train).sort((a, b) => a - b));
});

test('a quiz share of 0 gives no quiz and is no problem', () => {
  expect(split(labelsOf([20, 20]), { quizShare: 0 }).quiz).toHaveLength(0);
});

test('a class too small for a split is named, for every split and class at once', () => {
  const outcome = splitRows(labelsOf([100, 4, 1]), ['many', 'few', 'one'], { ...defaults, devShare: 0.5 }, 0);

  if (outcome.kind === 'valid') throw new Error('expected problems');
  expect(outcome.problems.map(({ path, message }) => [path, message.slice(0, 40)])).toEqual([
    ['parameters.quizShare', 'class "few" has 4 rows in the train file'],
    ['parameters.quizShare', 'class "one" has 1 rows in the train file'],
    ['parameters.trainShare', 'class "one" has 1 rows in the train file'],
  ]);
});
