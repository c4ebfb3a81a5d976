import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { AttentionInputs } from './attention-inputs';
import { differentiable } from './differentiable';

/** How n tokens that stand one behind the other go into the padded [b, h, t, .] of attention and back. */
export interface PaddedLayout {
  kind: 'padded';
  sequences: number;
  heads: number;
  /** Padded length. */
  time: number;
  /** [b h t]: row of [n h, d/h] at each padded place; places beyond a sequence's end name its first token. */
  split: Tensor1D;
  /** [n h]: row of [b h t, d/h] of each token and head. */
  merge: Tensor1D;
  /** Added to scores, [b, 1, 1, t]: 0 at tokens, -1e9 beyond; null where nothing is padded. */
  keyPenalty: Tensor4D | null;
  /** [b, 1, t, 1]: 1 at tokens, 0 beyond; null where every place is a row of [n, d]. */
  tokenMask: Tensor4D | null;
}

/** @param sizes of the layout that it is for; the rest as `attentionLayout` takes it */
export function paddedLayout(
  lengths: Int32Array,
  { sequences, heads, time, tokens }: Record<'sequences' | 'heads' | 'time' | 'tokens', number>,
  paddedRows: boolean,
): PaddedLayout {
  const split = new Int32Array(sequences * heads * time);
  const merge = new Int32Array(tokens * heads);
  const keyPenalty = new Float32Array(sequences * time);
  const tokenMask = new Float32Array(sequences * time);
  for (let s = 0, first = 0; s < sequences; s++) {
    const length = lengths[s]!;
    const rows = paddedRows ? time : length;
    for (let p = 0; p < time; p++) {
      tokenMask[s * time + p] = p < length ? 1 : 0;
      keyPenalty[s * time + p] = p < length ? 0 : -1e9;
      for (let head = 0; head < heads; head++) {
        const place = (s * heads + head) * time + p;
        const row = first + (p < rows ? p : 0);
        split[place] = row * heads + head;
        if (p < rows) merge[row * heads + head] = place;
      }
    }
    first += rows;
  }
  const padded = lengths.some((length) => length < time);
  return {
    kind: 'padded',
    ...{ sequences, heads, time },
    split: tf.tensor1d(split, 'int32'),
    merge: tf.tensor1d(merge, 'int32'),
    keyPenalty: padded ? tf.tensor4d(keyPenalty, [sequences, 1, 1, time]) : null,
    tokenMask: padded && !paddedRows ? tf.tensor4d(tokenMask, [sequences, 1, time, 1]) : null,
  };
}

const noPadding: [number, number][] = [0, 1, 2].map(() => [0, 0]);

/**
 * `attention` in TensorFlow.js's own operations, on tensors padded to the longest sequence: for a GPU, and for an addon that
 * was not built by `npm run engine`.
 */
export function paddedAttention(
  layout: PaddedLayout,
  { query, key, value, queryPerSequence, prefix, dropout }: Required<AttentionInputs>,
): Tensor2D {
  const { sequences: b, heads: h, time: t, keyPenalty, tokenMask } = layout;
  const headSize = key.shape[1] / h;
  const scale = 1 / Math.sqrt(headSize);
  const splitHeads = (x: Tensor2D, index: Tensor) =>
    tf.reshape(tf.gather(tf.reshape(x, [-1, headSize]), index as Tensor1D), [b, h, t, headSize]) as Tensor4D;
  const mergeHeads = (x: Tensor4D, index: Tensor) =>
    tf.reshape(tf.gather(tf.reshape(x, [-1, headSize]), index as Tensor1D), key.shape) as Tensor2D;
  const splitQuery = (x: Tensor2D, index: Tensor) =>
    queryPerSequence ? (tf.reshape(x, [b, h, 1, headSize]) as Tensor4D) : splitHeads(x, index);
  const mergeQuery = (x: Tensor4D, index: Tensor) =>
    queryPerSequence ? (tf.reshape(x, query.shape) as Tensor2D) : mergeHeads(x, index);
  const p = prefix?.key.shape[0] ?? 0;
  /** x [b, h, t, d/h] behind the prefix, [b, h, p + t, d/h] */
  const behind = (part: Tensor2D | undefined, x: Tensor4D) => {
    if (part === undefined) return x;
    const heads = tf.transpose(tf.reshape(part, [1, p, h, headSize]), [0, 2, 1, 3]);
    return tf.concat([tf.tile(heads, [b, 1, 1, 1]), x], 2) as Tensor4D;
  };
  const ofTokens = (x: Tensor4D) => (p === 0 ? x : tf.slice(x, [0, 0, p, 0], [b, h, t, headSize]));
  const ofPrefix = (x: Tensor4D) =>
    tf.reshape(tf.transpose(tf.sum(tf.slice(x, [0, 0, 0, 0], [b, h, p, headSize]), 0), [1, 0, 2]), [p, h * headSize]);
  const masks: Tensor[] = [tokenMask, dropout].filter((mask) => mask !== null);

  return differentiable<'query' | 'key' | 'value' | 'prefixKey' | 'prefixValue', Tensor2D>({
    name: 'attention',
    inputs: { query, key, value, prefixKey: prefix?.key ?? null, prefixValue: prefix?.value ?? null },
    forward: () => {
      const q = tf.mul<Tensor4D>(splitQuery(query, layout.split), scale);
      const k = behind(prefix?.key, splitHeads(key, layout.split));
      const v = behind(prefix?.value, splitHeads(value, layout.split));
      const penalty = keyPenalty && p > 0 ? tf.pad(keyPenalty, [...noPadding, [p, 0]]) : keyPenalty; // a prefix always counts
      const scores = tf.matMul(q, k, false, true); // [b, h, t, p + t]
      const probabilities = tf.softmax(penalty ? tf.add<Tensor4D>(scores, penalty) : scores);
      const weights = dropout ? tf.mul<Tensor4D>(probabilities, dropout) : probabilities;
      const context = tf.matMul(weights, v); // [b, h, t, d/h]
      return {
        output: mergeQuery(context as Tensor4D, layout.merge),
        saved: [q, k, v, probabilities, weights, layout.split, layout.merge, ...masks],
      };
    },
    gradient: (dy, [q, k, v, probabilities, weights, split, merge, ...savedMasks], needs) => {
      const savedTokenMask = tokenMask ? savedMasks[0]! : null;
      const savedDropout = dropout ? savedMasks.at(-1)! : null;
      const spread = splitQuery(dy, split!);
      // Places beyond a sequence's end hold some token's gradient, which must not count twice.
      const dContext = savedTokenMask && !queryPerSequence ? tf.mul<Tensor4D>(spread, savedTokenMask) : spread;
      const dValues = needs('value') || needs('prefixValue') ? (tf.matMul(weights!, dContext, true) as Tensor4D) : null;
      const ofValues = {
        value: needs('value') ? mergeHeads(ofTokens(dValues!), merge!) : undefined,
        prefixValue: prefix && needs('prefixValue') ? ofPrefix(dValues!) : undefined,
      };
      if (!needs('query') && !needs('key') && !needs('prefixKey')) return ofValues;
      const dWeights = tf.matMul(dContext, v!, false, true);
      const dProbabilities = savedDropout ? tf.mul(dWeights, savedDropout) : dWeights;
      const along = tf.sum(tf.mul(dProbabilities, probabilities!), -1, true);
      const dScores = tf.mul(probabilities!, tf.sub(dProbabilities, along));
      const dKeys = needs('key') || needs('prefixKey') ? (tf.matMul(dScores, q!, true) as Tensor4D) : null;
      return {
        query: needs('query') ? mergeQuery(tf.mul(tf.matMul(dScores, k!), scale) as Tensor4D, merge!) : undefined,
        key: needs('key') ? mergeHeads(ofTokens(dKeys!), merge!) : undefined,
        prefixKey: prefix && needs('prefixKey') ? ofPrefix(dKeys!) : undefined,
        ...ofValues,
      };
    },
  });
}
