import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Sequences } from '../data/batch';
import type { RandomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { attentionPool, type PaddedPlaces, paddedPlaces } from '../ops/attention-pool';
import { bilstmFinalStates, bilstmStates as lstmStates } from '../ops/bilstm';
import { lookUpSum, selectRows } from '../ops/embedding';
import { linear } from '../ops/linear';
import { multiplyByConstant } from '../ops/multiply-by-constant';

/** Size of the student: its embedding table gives vocabulary and width, the rest stands here. */
export interface BilstmConfig {
  /** LSTM units a direction. */
  units: number;
  classes: number;
  /** Width of the attention's hidden layer; null or left out: the final states are read instead. */
  attentionUnits?: number | null;
}

/** The word embedding's name: the weight that the caller leaves out of what it trains where it is frozen. */
export const embeddingName = 'embedding.weight';

/** Name of a weight that a method learns beside the student and that is no part of it. */
export const trainingOnly = (name: string): string => `training-only.${name}`;

/** The student without what was learnt for training alone. */
export const withoutTrainingOnly = (weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).filter(([name]) => !name.startsWith(trainingOnly(''))));

const attentionName = 'attention.weight';

/**
 * Dropout factors of one step, so that several passes of it see the same model: [n, e] on the word vectors and [b, 2u]
 * on the final state.
 */
export interface DropoutMasks {
  words: Tensor2D;
  state: Tensor2D;
}

/**
 * The student's weights, as PyTorch would draw them:
 *
 * - `embedding.weight` [vocabulary, e], given; row 0 is [PAD], zeros, and row 1 [UNK];
 * - `lstm.forward.weight`, `lstm.backward.weight` [e + u, 4u]: x above h, gates i f c o, ~ U(-1/sqrt(u), 1/sqrt(u));
 * - `lstm.forward.bias`, `lstm.backward.bias` [4u], the same. PyTorch has two and adds them, which is a sum of two
 *   uniform draws; one vector computes the same function;
 * - `dense.weight` [c, 2u] and `dense.bias` [c] ~ U(-1/sqrt(2u), 1/sqrt(2u));
 * - with attention over a words: `attention.weight` U [a, 2u] ~ U(-1/sqrt(2u), 1/sqrt(2u)) and `attention.vector` v [1, a]
 *   ~ U(-1/sqrt(a), 1/sqrt(a)).
 *
 * @param embedding word vectors row by row; row 0 must be zeros
 * @throws Error where row 0 is not
 */
export function initialiseBilstm(
  { units, classes, attentionUnits = null }: BilstmConfig,
  embedding: { values: Float32Array; size: number },
  random: RandomStream,
): Weights {
  if (embedding.values.subarray(0, embedding.size).some((value) => value !== 0))
    throw new Error('row 0 of the word embedding is [PAD] and must be zeros');
  const uniform = (name: string, shape: number[], bound: number) => {
    const values = new Float32Array(tf.util.sizeFromShape(shape));
    return { [name]: tf.tensor(random.substream(name).fillUniform(values, -bound, bound), shape) };
  };
  const lstmBound = 1 / Math.sqrt(units);
  const denseBound = 1 / Math.sqrt(2 * units);
  return {
    [embeddingName]: tf.tensor2d(embedding.values, [embedding.values.length / embedding.size, embedding.size]),
    ...uniform('lstm.forward.weight', [embedding.size + units, 4 * units], lstmBound),
    ...uniform('lstm.forward.bias', [4 * units], lstmBound),
    ...uniform('lstm.backward.weight', [embedding.size + units, 4 * units], lstmBound),
    ...uniform('lstm.backward.bias', [4 * units], lstmBound),
    ...uniform('dense.weight', [classes, 2 * units], denseBound),
    ...uniform('dense.bias', [classes], denseBound),
    ...(attentionUnits !== null && {
      ...uniform(attentionName, [attentionUnits, 2 * units], denseBound),
      ...uniform('attention.vector', [1, attentionUnits], 1 / Math.sqrt(attentionUnits)),
    }),
  };
}

/**
 * Masks for `bilstmLogits` on these words; null where `rate` is 0. The caller disposes of them.
 *
 * @param rate probability of a zero, 0 <= rate < 1; kept values are scaled by 1 / (1 - rate)
 */
export function dropoutMasks(
  weights: Weights,
  words: Sequences,
  rate: number,
  random: RandomStream,
): DropoutMasks | null {
  if (rate === 0) return null;
  const mask = (rows: number, columns: number) =>
    tf.tensor2d(random.fillDropoutMask(new Float32Array(rows * columns), rate), [rows, columns]);
  return {
    words: mask(words.ids.length, weights[embeddingName]!.shape[1]!),
    state: mask(words.lengths.length, weights['dense.weight']!.shape[1]!),
  };
}

/**
 * Logits of the student: word embedding, one bidirectional LSTM layer, its two final states side by side, dense layer
 * (docs/methods.md, "Data and models"). [PAD] never occurs in `words`, which is not padded, so its row gets no gradient
 * and stays zero.
 * With attention, a mean of all states weighted by the softmax of sigma = v^T tanh(U h) stands for the final ones.
 *
 * @param masks of `dropoutMasks`; null: no dropout
 * @returns [b, c]
 */
export function bilstmLogits(weights: Weights, words: Sequences, masks: DropoutMasks | null = null): Tensor2D {
  if (attentionName in weights) return bilstmStates(weights, words, masks).logits;
  return classify(weights, bilstmFinalStates(...lstmInputs(weights, words, masks)), masks);
}

/** What methods that imitate the inside of a teacher read of a student; all but the logits without their own dropout. */
export interface StudentStates {
  /** [b, c] */
  logits: Tensor2D;
  /** What the dense layer reads, [b, 2u]. */
  state: Tensor2D;
  /** Of every word, [n, e]. */
  vectors: Tensor2D;
  /** Of every word, both directions, [n, 2u]. */
  wordStates: Tensor2D;
  /** sigma of every word, before the softmax; null without attention. */
  attention: { scores: Tensor2D; places: PaddedPlaces } | null;
}

/** As `bilstmLogits`, with the states that lead there. The same function, though not bit for bit: sums differ in order. */
export function bilstmStates(weights: Weights, words: Sequences, masks: DropoutMasks | null = null): StudentStates {
  const vectors = lookUpWords(weights, words); // [n, e]
  const wordStates = lstmStates(...lstmInputs(weights, words, masks)); // [n, 2u]
  const attention = attentionName in weights ? attend(weights, wordStates, words.lengths) : null;
  const state = attention
    ? attentionPool(wordStates, attention.scores, attention.places)
    : finalOf(wordStates, words.lengths); // [b, 2u]
  return { logits: classify(weights, state, masks), state, vectors, wordStates, attention };
}

const lookUpWords = (weights: Weights, { ids }: Sequences): Tensor2D =>
  lookUpSum([{ table: weights[embeddingName] as Tensor2D, indices: ids }]);

function lstmInputs(weights: Weights, words: Sequences, masks: DropoutMasks | null) {
  const vectors = lookUpWords(weights, words); // [n, e]
  const direction = (name: 'forward' | 'backward') => ({
    weight: weights[`lstm.${name}.weight`] as Tensor2D,
    bias: weights[`lstm.${name}.bias`] as Tensor1D,
  });
  const read = masks ? multiplyByConstant(vectors, masks.words) : vectors;
  return [read, words.lengths, direction('forward'), direction('backward')] as const;
}

function classify(weights: Weights, state: Tensor2D, masks: DropoutMasks | null): Tensor2D {
  return linear(masks ? multiplyByConstant(state, masks.state) : state, {
    weight: weights['dense.weight'] as Tensor2D,
    bias: weights['dense.bias'] as Tensor1D,
  });
}

function attend(weights: Weights, wordStates: Tensor2D, lengths: Int32Array) {
  const hidden = tf.tanh(linear(wordStates, { weight: weights[attentionName] as Tensor2D, bias: null })); // [n, a]
  const scores = linear(hidden, { weight: weights['attention.vector'] as Tensor2D, bias: null }); // [n, 1]
  return { scores, places: paddedPlaces(lengths) };
}

/** The final states among all: the forward direction's at the last word, the backward direction's at the first. */
function finalOf(wordStates: Tensor2D, lengths: Int32Array): Tensor2D {
  let end = 0;
  const ends = lengths.map((length) => (end += length)); // one behind the last word of each
  const [forward, backward] = tf.split(wordStates, 2, 1) as [Tensor2D, Tensor2D]; // [n, u] each
  return tf.concat(
    [
      selectRows(
        forward,
        ends.map((after) => after - 1),
      ),
      selectRows(
        backward,
        ends.map((after, sequence) => after - lengths[sequence]!),
      ),
    ],
    1,
  );
}
