import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../../../trainer/data/batch';
import { batchOf, type Examples } from '../../../trainer/data/batches';
import { sequenceTable } from '../../../trainer/data/sequences';
import { inputsOf } from '../../../trainer/models/model';
import { readStates, rowOffsets, summaryStates, wordStates } from '../../../trainer/teacher/teacher-states';
import { describeOnEveryEngine } from '../../testkit/engines';
import { naiveBert } from '../../testkit/naive-models';
import { largestDifference, toFloat64 } from '../../testkit/tensors';
import { tinyBert, tinyTeacherWeights, tinyTransformer } from '../../testkit/tiny-models';

/**
 * Three examples. The first has words of one, two and one piece; of the second the teacher reads one word of two; the third
 * has a word that the teacher reads nothing of.
 */
const examples: Examples = {
  rows: Int32Array.of(10, 11, 12),
  labels: Int32Array.of(0, 1, 2),
  inputs: {
    student: sequenceTable([[5, 6, 7], [8, 9], [1]]),
    teacher: sequenceTable([
      [1, 5, 6, 4, 7, 2],
      [1, 8, 2],
      [1, 2],
    ]),
  },
  alignment: Int32Array.of(-1, 0, 1, 1, 2, -1, -1, 0, -1, -1, -1),
};
const all = (): Batch => batchOf(examples, Int32Array.of(0, 1, 2));
const sequences = [
  [1, 5, 6, 4, 7, 2],
  [1, 8, 2],
  [1, 2],
];

/** Pooler and classifier on [CLS] states: the logits of a model that ends there. */
function headOn(cls: tf.Tensor2D): tf.Tensor {
  const weights = tinyTeacherWeights();
  const dense = (name: string, x: tf.Tensor2D) =>
    tf.add<tf.Tensor2D>(tf.matMul(x, weights[`${name}.weight`] as tf.Tensor2D, false, true), weights[`${name}.bias`]!);
  return dense('classifier', tf.tanh(dense('pooler.dense', cls)));
}

describeOnEveryEngine('the inner states of a teacher', () => {
  it('[CLS] after each layer is what a float64 model of so many layers classifies', () => {
    const weights = tinyTeacherWeights();
    const cls = summaryStates(tinyTransformer, weights, [1, 2]).read(all());
    expect(cls.shape).toEqual([3, 2 * tinyBert.hidden]);
    (tf.split(cls, 2, 1) as tf.Tensor2D[]).forEach((ofLayer, index) => {
      const expected = sequences.flatMap((ids) =>
        naiveBert(toFloat64(weights), { ...tinyBert, layers: index + 1 }, ids),
      );
      expect(largestDifference(headOn(ofLayer), expected)).toBeLessThan(1e-5);
    });
  });

  it('of a word are the means over its pieces, and 0 where the teacher reads nothing of it', () => {
    const { hidden } = tinyBert;
    const found = wordStates(tinyTransformer, tinyTeacherWeights()).read(all()).arraySync();
    const pieceInputs = inputsOf(all(), 'teacher');
    // Words of one piece tell the pieces' own states: each piece a word of its own.
    const pieces = wordStates(tinyTransformer, tinyTeacherWeights())
      .read({
        ...all(),
        inputs: { student: pieceInputs, teacher: pieceInputs },
        alignment: Int32Array.from(pieceInputs.ids.keys()),
      })
      .arraySync();
    expect(pieces.map((row) => row[0])).toEqual(pieces.map(() => 1));
    expect(found.map((row) => row[0])).toEqual([1, 1, 1, 1, 0, 0]);
    expect(found[0]).toEqual(pieces[1]);
    expect(found[3]).toEqual(pieces[7]);
    found[1]!.forEach((value, column) => {
      expect(value).toBeCloseTo((pieces[2]![column]! + pieces[3]![column]!) / 2, 5);
    });
    for (const unread of [4, 5]) expect(found[unread]).toEqual(new Array(1 + 2 * hidden).fill(0));
    // The last states' [CLS] is that of summaryStates.
    const cls = summaryStates(tinyTransformer, tinyTeacherWeights(), [2]).read(all()).arraySync();
    expect(largestDifference(pieces[0]!.slice(1 + hidden), cls[0]!)).toBeLessThan(1e-6);
  });

  it('of all examples stand in their order, whatever the order in which they were computed', async () => {
    const reader = wordStates(tinyTransformer, tinyTeacherWeights());
    const told: number[] = [];
    const values = await readStates(reader, examples, new AbortController().signal, (done) => told.push(done));
    expect(largestDifference(values!, reader.read(all()))).toBeLessThan(1e-5);
    expect(told).toEqual([3]);
    expect([...rowOffsets(examples, 'word')]).toEqual([0, 3, 5, 6]);
    expect([...rowOffsets(examples, 'example')]).toEqual([0, 1, 2, 3]);
    expect(await readStates(reader, examples, AbortSignal.abort(), () => {})).toBeNull();
  });
});
