import fc from 'fast-check';
import { batchOf, type Examples, epochOrder, evaluationOrder, quizOrder } from '../../../trainer/data/batches';
import { sequenceTable } from '../../../trainer/tokenizers/sequences';

/** Examples whose sequence at position p holds `lengths[p]` times p + 1, in rows 10 p of the file. */
function examplesOf(lengths: number[]): Examples {
  const sequences = lengths.map((length, position) => Array<number>(length).fill(position + 1));
  return {
    rows: Int32Array.from(lengths, (_, position) => 10 * position),
    labels: Int32Array.from(lengths, (_, position) => position % 3),
    inputs: { student: sequenceTable(sequences), teacher: null },
  };
}

/** The same examples, with sequences that a teacher reads. */
const withTeacher = (examples: Examples, sequences: number[][]): Examples => ({
  ...examples,
  inputs: { ...examples.inputs, teacher: sequenceTable(sequences) },
});

const lengthsArbitrary = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 200 });
const flat = (order: Int32Array[]): number[] => order.flatMap((positions) => Array.from(positions));
const ascending = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const batchSizes = fc.integer({ min: 1, max: 33 });

test('a batch holds rows, labels and sequences of its positions, without padding', () => {
  const examples = withTeacher(examplesOf([2, 1, 3]), [[7, 8], [9], [5, 6]]);

  expect(batchOf(examples, Int32Array.of(2, 0))).toEqual({
    rows: Int32Array.of(20, 0),
    labels: Int32Array.of(2, 0),
    inputs: {
      student: { ids: Int32Array.of(3, 3, 3, 1, 1), lengths: Int32Array.of(3, 2) },
      teacher: { ids: Int32Array.of(5, 6, 7, 8), lengths: Int32Array.of(2, 2) },
    },
  });
  expect(batchOf(examplesOf([1, 2]), Int32Array.of(1)).inputs.teacher).toBeNull();
});

describe('the order of an epoch', () => {
  test('has every example once, in full batches but one', () => {
    fc.assert(
      fc.property(lengthsArbitrary, batchSizes, fc.boolean(), fc.nat(), (lengths, batchSize, lengthAware, epoch) => {
        const order = epochOrder(examplesOf(lengths), batchSize, lengthAware, 1, epoch);

        expect(flat(order).sort((a, b) => a - b)).toEqual(ascending(lengths.length));
        expect(order).toHaveLength(Math.ceil(lengths.length / batchSize));
        expect(order.filter((positions) => positions.length !== batchSize).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 60 },
    );
  });

  test('is a function of seed and epoch alone', () => {
    const examples = examplesOf(Array<number>(100).fill(1));
    const order = (seed: number, epoch: number) => flat(epochOrder(examples, 8, false, seed, epoch));

    expect(order(1, 3)).toEqual(order(1, 3));
    expect(order(1, 3)).not.toEqual(order(1, 4));
    expect(order(1, 3)).not.toEqual(order(2, 3));
  });

  test('by length leaves far less padding, and still shuffles', () => {
    const lengths = ascending(512).map((index) => 1 + ((index * 37) % 61));
    const examples = examplesOf(lengths);
    const padded = (order: Int32Array[]) =>
      order.reduce((sum, batch) => sum + batch.length * Math.max(...batch.map((position) => lengths[position]!)), 0);
    const real = lengths.reduce((sum, length) => sum + length, 0);

    const byLength = epochOrder(examples, 16, true, 0, 1);

    // Pools of 16 batches hold 256 examples over 61 lengths: within a batch of 16 lengths differ by 4 at most or so.
    expect(padded(byLength)).toBeLessThan(1.12 * real);
    expect(padded(epochOrder(examples, 16, false, 0, 1))).toBeGreaterThan(1.6 * real);
    const firsts = byLength.map((batch) => lengths[batch[0]!]!);
    expect(firsts).not.toEqual([...firsts].sort((a, b) => a - b));
  });
});

describe('quiz batches', () => {
  test('are drawn without replacement within a pass, all of one size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 20 }), fc.nat(20), (count, size, pass) => {
        const examples = examplesOf(Array<number>(count).fill(1));
        const batches = Math.max(1, Math.floor(count / size));

        const drawn = ascending(batches).flatMap((index) =>
          Array.from(quizOrder(examples, size, 3, pass * batches + index)),
        );

        expect(new Set(drawn).size).toBe(drawn.length);
        expect(drawn).toHaveLength(Math.min(count, batches * size));
      }),
      { numRuns: 60 },
    );
  });

  test('differ from pass to pass and seed to seed, and reach every example in time', () => {
    const examples = examplesOf(Array<number>(25).fill(1));
    const draw = (seed: number, step: number) => Array.from(quizOrder(examples, 10, seed, step));

    expect(draw(0, 0)).toEqual(draw(0, 0));
    expect(draw(0, 0)).not.toEqual(draw(0, 2));
    expect(draw(0, 0)).not.toEqual(draw(1, 0));
    expect(new Set(ascending(20).flatMap((step) => draw(0, step))).size).toBe(25);
  });
});

test('evaluation takes every example once, by length', () => {
  const examples = examplesOf([3, 1, 2, 3, 1]);

  expect(evaluationOrder(examples, 2).map((positions) => Array.from(positions))).toEqual([[1, 4], [2, 0], [3]]);
});

test('the teacher’s tokens decide the length where it reads any', () => {
  const examples = withTeacher(examplesOf([1, 2]), [[1, 1, 1], [1]]);

  expect(flat(evaluationOrder(examples, 1))).toEqual([1, 0]);
});
