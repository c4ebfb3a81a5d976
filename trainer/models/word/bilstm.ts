import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../../numeric/random';
import type { Weights } from '../../numeric/weights';
import { attentionPool, paddedPlaces } from '../../ops/attention-pool';
import { bilstmFinalStates, bilstmStates as lstmStates } from '../../ops/bilstm';
import { lookUpSum, selectRows } from '../../ops/embedding';
import { linear } from '../../ops/linear';
import { multiplyByConstant } from '../../ops/multiply-by-constant';
import type { Sequences } from '../../tokenizers/sequences';
import type { ModelStates } from '../model';

/** Size of a BiLSTM; vocabulary and width of the word vectors are those of its embedding table. */
export interface BilstmConfig {
  /** LSTM units a direction. */
  units: number;
  classes: number;
  /** Width of the attention's hidden layer; null or left out: the head reads the final states instead. */
  attentionUnits?: number | null;
}

/** Name of the word embedding, which may be frozen. */
export const embeddingName = 'embedding.weight';

export const attentionName = 'attention.weight';

/**
 * Dropout factors of one step, so that several passes of it see the same model: [n, e] on the word vectors and [b, 2u]
 * on the final state.
 */
export interface DropoutMasks {
  words: Tensor2D;
  state: Tensor2D;
}

/**
 * Weights of a new BiLSTM, as PyTorch would draw them:
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

/** The sizes of a BiLSTM of these weights. */
export const bilstmConfigOf = (
  weights: Weights,
): BilstmConfig & { embedding: number; attentionUnits: number | null } => ({
  units: weights['lstm.forward.bias']!.shape[0]! / 4,
  embedding: weights[embeddingName]!.shape[1]!,
  classes: weights['dense.bias']!.shape[0]!,
  attentionUnits: weights[attentionName]?.shape[0] ?? null,
});

/**
 * Masks for `bilstmLogits` on these words; null if `rate` is 0. The caller disposes of them.
 *
 * @param widths of the word vectors and of the final state
 * @param rate probability of a zero, 0 <= rate < 1; kept values are scaled by 1 / (1 - rate)
 */
export function dropoutMasks(
  widths: { words: number; state: number },
  words: Sequences,
  rate: number,
  random: RandomStream,
): DropoutMasks | null {
  if (rate === 0) return null;
  const mask = (rows: number, columns: number) =>
    tf.tensor2d(random.fillDropoutMask(new Float32Array(rows * columns), rate), [rows, columns]);
  return {
    words: mask(words.ids.length, widths.words),
    state: mask(words.lengths.length, widths.state),
  };
}

/**
 * Logits of a BiLSTM: word embedding, one bidirectional LSTM layer, its two final states side by side, dense layer
 * (docs/methods.md, "Data and models"). [PAD] never occurs in `words`, which is not padded, so its row gets no gradient
 * and stays zero.
 * With attention, a mean of all states weighted by the softmax of sigma = v^T tanh(U h) stands for the final ones.
 *
 * @param masks of `dropoutMasks`; null: no dropout
 * @param vectors of the words, [n, e], to use in place of the embedding table; null: those of the table
 * @returns [b, c]
 */
export function bilstmLogits(
  weights: Weights,
  words: Sequences,
  masks: DropoutMasks | null = null,
  vectors: Tensor2D | null = null,
): Tensor2D {
  if (attentionName in weights) return bilstmStates(weights, words, masks, vectors).logits;
  return classify(weights, bilstmFinalStates(...lstmInputs(weights, words, masks, vectors)), masks);
}

/**
 * As `bilstmLogits`, with the states that lead there; word vectors and states are without dropout of their own. The same function,
 * though not bit for bit: sums differ in order.
 */
export function bilstmStates(
  weights: Weights,
  words: Sequences,
  masks: DropoutMasks | null = null,
  given: Tensor2D | null = null,
): ModelStates {
  const vectors = given ?? lookUpWords(weights, words); // [n, e]
  const wordStates = lstmStates(...lstmInputs(weights, words, masks, given)); // [n, 2u]
  const attention = attentionName in weights ? attend(weights, wordStates, words.lengths) : null;
  const state = attention
    ? attentionPool(wordStates, attention.scores, attention.places)
    : finalOf(wordStates, words.lengths); // [b, 2u]
  return {
    logits: classify(weights, state, masks),
    layers: [vectors, wordStates],
    summary: () => state,
    attention,
  };
}

const lookUpWords = (weights: Weights, { ids }: Sequences): Tensor2D =>
  lookUpSum([{ table: weights[embeddingName] as Tensor2D, indices: ids }]);

function lstmInputs(weights: Weights, words: Sequences, masks: DropoutMasks | null, given: Tensor2D | null) {
  const vectors = given ?? lookUpWords(weights, words); // [n, e]
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
export function finalOf(wordStates: Tensor2D, lengths: Int32Array): Tensor2D {
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
