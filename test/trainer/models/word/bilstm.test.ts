import * as tf from '@tensorflow/tfjs-core';
import {
  bilstmLogits,
  bilstmStates,
  dropoutMasks,
  embeddingName,
  initialiseBilstm,
} from '../../../../trainer/models/word/bilstm';
import { bilstmTangent } from '../../../../trainer/models/word/tangent';
import { valueAndGradients } from '../../../../trainer/numeric/gradients';
import { randomStream } from '../../../../trainer/numeric/random';
import type { Weights } from '../../../../trainer/numeric/weights';
import type { Sequences } from '../../../../trainer/tokenizers/sequences';
import { describeOnEveryEngine } from '../../../testkit/engines';
import { relativeError } from '../../../testkit/float64';
import { centralDifference, type NaiveWeights, naiveBilstm, naiveBilstmStates } from '../../../testkit/naive-models';
import { largestDifference, redrawn, toFloat64 } from '../../../testkit/tensors';

const sequences = [[3, 1, 5, 2], [4], [2, 2, 6]];
const words: Sequences = {
  ids: Int32Array.from(sequences.flat()),
  lengths: Int32Array.from(sequences, (sequence) => sequence.length),
};
const size = { units: 6, classes: 3 };
const embedding = () => ({ values: new Float32Array(7 * 4), size: 4 });
const tinyStudent = (): Weights => redrawn(initialiseBilstm(size, embedding(), randomStream(0, 'student')), 0.7);

const factors = [1, -2, 0.5, 3, -1, 0.25, -0.5, 2, 1.5];
const loss = (weights: Weights): tf.Scalar =>
  tf.sum(tf.mul(tf.square(bilstmLogits(weights, words)), tf.tensor2d(factors, [3, 3])));
const naiveLoss = (weights: NaiveWeights): number =>
  sequences.flatMap((ids) => naiveBilstm(weights, ids)).reduce((sum, logit, i) => sum + factors[i]! * logit ** 2, 0);

describeOnEveryEngine('BiLSTM', () => {
  it('gives the logits of a float64 model written from the formulas', () => {
    const weights = tinyStudent();
    const expected = sequences.flatMap((ids) => naiveBilstm(toFloat64(weights), ids));
    expect(largestDifference(bilstmLogits(weights, words), expected)).toBeLessThan(1e-5);
  });

  it('has the gradients of the float64 model', () => {
    const weights = tinyStudent();
    const exact = toFloat64(weights);
    const { gradients } = valueAndGradients(loss, weights);
    expect(Object.keys(gradients)).toEqual(Object.keys(weights));
    for (const [name, gradient] of Object.entries(gradients)) {
      const values = gradient.dataSync();
      const expected = Array.from(values, (_, index) => centralDifference(naiveLoss, exact, name, index));
      const scale = Math.max(...expected.map(Math.abs));
      expect({ name, close: largestDifference(values, expected) / scale < 1e-4 }).toEqual({ name, close: true });
    }
  });

  it('gives a sequence the same logits whatever it is batched with', () => {
    const weights = tinyStudent();
    const alone = bilstmLogits(weights, { ids: Int32Array.of(4), lengths: Int32Array.of(1) });
    expect(largestDifference(alone, bilstmLogits(weights, words).dataSync().slice(3, 6))).toBeLessThan(1e-6);
  });

  it('gives no gradient to [PAD]', () => {
    const { gradients } = valueAndGradients(loss, tinyStudent());
    expect(Array.from(gradients[embeddingName]!.dataSync().slice(0, 4))).toEqual([0, 0, 0, 0]);
  });

  it('computes no gradient of a frozen embedding', async () => {
    const { [embeddingName]: frozen, ...trainable } = tinyStudent();
    const scatters = async (run: () => void) =>
      (await tf.profile(() => tf.tidy(run))).kernels.filter(({ name }) => name === 'UnsortedSegmentSum').length;
    const withFrozen = await scatters(() => {
      valueAndGradients((w) => loss({ [embeddingName]: frozen!, ...w }), trainable);
    });
    const withAll = await scatters(() => {
      valueAndGradients(loss, { [embeddingName]: frozen!, ...trainable });
    });
    expect(withAll - withFrozen).toBe(1);
  });

  it('leaves no tensor behind after a step', () => {
    const weights = tinyStudent();
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      valueAndGradients(loss, weights);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describeOnEveryEngine('the student with attention over its words', () => {
  const attentive = (): Weights =>
    redrawn(initialiseBilstm({ ...size, attentionUnits: 5 }, embedding(), randomStream(0, 'student')), 0.7);

  it('gives the logits and has the gradients of the float64 model', () => {
    const weights = attentive();
    const exact = toFloat64(weights);
    const expected = sequences.flatMap((ids) => naiveBilstm(exact, ids));
    expect(largestDifference(bilstmLogits(weights, words), expected)).toBeLessThan(1e-5);
    const { gradients } = valueAndGradients(loss, weights);
    expect(Object.keys(gradients)).toContain('attention.vector');
    for (const [name, gradient] of Object.entries(gradients)) {
      const values = gradient.dataSync();
      const slopes = Array.from(values, (_, index) => centralDifference(naiveLoss, exact, name, index));
      const scale = Math.max(...slopes.map(Math.abs));
      expect({ name, close: largestDifference(values, slopes) / scale < 1e-4 }).toEqual({ name, close: true });
    }
  });

  it.each(['final states', 'attention'])('has the derivative of the float64 model along a direction, by %s', (kind) => {
    const weights = kind === 'attention' ? attentive() : tinyStudent();
    // Entries of very different size, as the derivatives of a pilot update are.
    const direction = Object.fromEntries(
      Object.entries(redrawn(weights, 1)).map(([name, tensor], index) => [name, tf.mul(tensor, 10 ** (index % 4))]),
    );
    const [at, along] = [toFloat64(weights), toFloat64(direction)];
    const logitsAt = (step: number) => {
      const moved = Object.entries(at).map(([name, { shape, values }]) => [
        name,
        { shape, values: values.map((value, i) => value + step * along[name]!.values[i]!) },
      ]);
      return sequences.flatMap((ids) => naiveBilstm(Object.fromEntries(moved), ids));
    };
    const [ahead, behind] = [logitsAt(1e-7), logitsAt(-1e-7)];
    const expected = ahead.map((logit, i) => (logit - behind[i]!) / 2e-7);
    expect(relativeError([...bilstmTangent(weights, direction, words).dataSync()], expected)).toBeLessThan(1e-5);
  });

  it('has the derivative along some of the weights, under dropout', () => {
    const weights = tinyStudent();
    const direction = { 'lstm.forward.weight': redrawn(weights, 1)['lstm.forward.weight']! };
    const masks = dropoutMasks({ words: 4, state: 12 }, words, 0.5, randomStream(0, 'dropout'))!;
    const logits = (step: number) => {
      const name = 'lstm.forward.weight';
      return bilstmLogits({ ...weights, [name]: tf.add(weights[name]!, tf.mul(direction[name], step)) }, words, masks);
    };
    const expected = tf.mul(tf.sub(logits(0.01), logits(-0.01)), 50).dataSync();
    expect(relativeError([...bilstmTangent(weights, direction, words, masks).dataSync()], [...expected])).toBeLessThan(
      1e-3,
    );
  });

  it('gives a sequence the same logits whatever it is batched with', () => {
    const weights = attentive();
    const alone = bilstmLogits(weights, { ids: Int32Array.of(4), lengths: Int32Array.of(1) });
    expect(largestDifference(alone, bilstmLogits(weights, words).dataSync().slice(3, 6))).toBeLessThan(1e-6);
  });

  it.each(['final states', 'attention'])('tells all states that lead to its logits, by %s', (kind) => {
    const weights = kind === 'attention' ? attentive() : tinyStudent();
    const found = bilstmStates(weights, words);
    const expected = sequences.map((ids) => naiveBilstmStates(toFloat64(weights), ids));
    expect(
      largestDifference(
        found.logits,
        expected.flatMap(({ logits }) => logits),
      ),
    ).toBeLessThan(1e-5);
    expect(
      largestDifference(
        found.summary(1),
        expected.flatMap(({ state }) => state),
      ),
    ).toBeLessThan(1e-5);
    expect(
      largestDifference(
        found.layers[0]!,
        expected.flatMap(({ vectors }) => vectors.flat()),
      ),
    ).toBeLessThan(1e-6);
    const states = expected.flatMap(({ wordStates }) => wordStates.flat());
    expect(largestDifference(found.layers[1]!, states)).toBeLessThan(1e-5);
    if (kind === 'attention') {
      const scores = expected.flatMap((of) => of.scores!);
      expect(largestDifference(found.attention!.scores, scores)).toBeLessThan(1e-5);
    }
  });

  it('has the same gradients whether the states are told or not', () => {
    const weights = tinyStudent();
    const told = (w: Weights): tf.Scalar =>
      tf.sum(tf.mul(tf.square(bilstmStates(w, words).logits), tf.tensor2d(factors, [3, 3])));
    const [plain, withStates] = [valueAndGradients(loss, weights), valueAndGradients(told, weights)];
    for (const name of Object.keys(weights))
      expect(largestDifference(plain.gradients[name]!, withStates.gradients[name]!)).toBeLessThan(1e-5);
  });
});

describeOnEveryEngine('dropout of the student', () => {
  it('keeps its masks over several passes of a step', () => {
    const weights = tinyStudent();
    const masks = dropoutMasks({ words: 4, state: 12 }, words, 0.4, randomStream(0, 'step'));
    expect(masks!.words.shape).toEqual([8, 4]);
    expect(masks!.state.shape).toEqual([3, 12]);
    expect(largestDifference(bilstmLogits(weights, words, masks), bilstmLogits(weights, words, masks))).toBe(0);
    expect(largestDifference(bilstmLogits(weights, words, masks), bilstmLogits(weights, words))).toBeGreaterThan(0.01);
  });

  it('zeroes word vectors and state: where all is dropped, only the bias speaks', () => {
    const weights = tinyStudent();
    const masks = { words: tf.zeros<tf.Rank.R2>([8, 4]), state: tf.zeros<tf.Rank.R2>([3, 12]) };
    const bias = Array.from(weights['dense.bias']!.dataSync());
    expect(largestDifference(bilstmLogits(weights, words, masks), [...bias, ...bias, ...bias])).toBe(0);
  });

  it('makes no masks at rate 0', () => {
    expect(dropoutMasks({ words: 4, state: 12 }, words, 0, randomStream(0, 'step'))).toBeNull();
  });
});

describeOnEveryEngine('initialiseBilstm', () => {
  it('draws U(-1/sqrt(u), 1/sqrt(u)) for the LSTM and U(-1/sqrt(2u), 1/sqrt(2u)) for the dense layer', () => {
    const weights = initialiseBilstm(
      { units: 50, classes: 3 },
      { values: new Float32Array(100), size: 50 },
      randomStream(0, 's'),
    );
    for (const [name, bound] of [
      ['lstm.forward.weight', 1 / Math.sqrt(50)],
      ['lstm.backward.weight', 1 / Math.sqrt(50)],
      ['dense.weight', 0.1],
    ] as const) {
      const values = weights[name]!.dataSync();
      const largest = Math.max(...values.map(Math.abs));
      expect(largest).toBeLessThanOrEqual(bound * (1 + 1e-6));
      expect(largest).toBeGreaterThan(0.95 * bound);
    }
    expect(weights['lstm.forward.weight']!.shape).toEqual([100, 200]);
  });

  it('refuses an embedding whose [PAD] is not zeros', () => {
    const values = new Float32Array(8);
    values[3] = 1;
    expect(() => initialiseBilstm(size, { values, size: 4 }, randomStream(0, 's'))).toThrow('[PAD] and must be zeros');
  });
});
