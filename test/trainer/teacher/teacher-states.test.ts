import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../../../trainer/data/batch';
import { batchOf, type Examples } from '../../../trainer/data/batches';
import { inputsOf } from '../../../trainer/models/model';
import { readHints, rowOffsets, summaryReader, wordStateReader } from '../../../trainer/teacher/teacher-states';
import { sequenceTable } from '../../../trainer/tokenizers/sequences';
import { describeOnEveryEngine } from '../../testkit/engines';
import { naiveBert } from '../../testkit/naive-models';
import { largestDifference, toFloat64 } from '../../testkit/tensors';
import { tinyBert, tinyTeacherWeights, tinyTransformer } from '../../testkit/tiny-models';

/**
 * Three examples. The first has words of one, two and one piece; of the second the teacher reads one word of two; the third
 * has a word without any teacher token.
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
    const hints = summaryReader(tinyTransformer, weights, [1, 2]).read(all());
    for (const layer of [1, 2]) {
      const expected = sequences.flatMap((ids) => naiveBert(toFloat64(weights), { ...tinyBert, layers: layer }, ids));
      expect(largestDifference(headOn(hints[`summary.${layer}`]!), expected)).toBeLessThan(1e-5);
    }
  });

  it('of a word are the means over its tokens, and 0 for a word without teacher tokens', () => {
    const reader = wordStateReader(tinyTransformer, tinyTeacherWeights(), [0, 2]);
    const tokens = inputsOf(all(), 'teacher');
    const found = reader.read(all());
    // With each token a word of its own, the states are those of the tokens.
    const ofTokens = reader.read({
      ...all(),
      inputs: { student: tokens, teacher: tokens },
      alignment: Int32Array.from(tokens.ids.keys()),
    });
    expect(ofTokens.isRead!.arraySync()).toEqual(Array.from(tokens.ids, () => [1]));
    expect(found.isRead!.arraySync().flat()).toEqual([1, 1, 1, 1, 0, 0]);
    for (const name of ['states.0', 'states.2']) {
      const [words, single] = [found[name]!.arraySync(), ofTokens[name]!.arraySync()];
      expect(words[0]).toEqual(single[1]);
      expect(words[3]).toEqual(single[7]);
      words[1]!.forEach((value, column) => {
        expect(value).toBeCloseTo((single[2]![column]! + single[3]![column]!) / 2, 5);
      });
      for (const unread of [4, 5]) expect(words[unread]).toEqual(new Array(tinyBert.hidden).fill(0));
    }
    const summaries = summaryReader(tinyTransformer, tinyTeacherWeights(), [2]).read(all());
    const last = ofTokens['states.2']!.arraySync();
    expect(largestDifference(last[0]!, summaries['summary.2']!.arraySync()[0]!)).toBeLessThan(1e-6);
  });

  it('of all examples stand in their order, whatever the order in which they were computed', async () => {
    const reader = wordStateReader(tinyTransformer, tinyTeacherWeights(), [0, 2]);
    const progress: number[] = [];
    const outputs = await readHints(reader, examples, new AbortController().signal, (done) => progress.push(done));
    const expected = reader.read(all());
    expect(Object.keys(outputs!)).toEqual(['isRead', 'states.0', 'states.2']);
    for (const [name, { rows, values }] of Object.entries(outputs!)) {
      expect(rows).toBe(6);
      expect(largestDifference(values, expected[name]!)).toBeLessThan(1e-5);
    }
    expect(progress).toEqual([3]);
    expect([...rowOffsets(examples, 'word')]).toEqual([0, 3, 5, 6]);
    expect([...rowOffsets(examples, 'example')]).toEqual([0, 1, 2, 3]);
    expect(await readHints(reader, examples, AbortSignal.abort(), () => {})).toBeNull();
  });
});
