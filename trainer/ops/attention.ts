import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { attentionForward, attentionGradient, hasAttentionKernel } from '../engine/kernels';
import type { AttentionInputs } from './attention-inputs';
import { differentiable } from './differentiable';
import { type PaddedLayout, paddedAttention, paddedLayout } from './padded-attention';

/** Where the n tokens that stand one behind the other belong. Made once a batch; every layer uses the same. */
export interface AttentionLayout {
  sequences: number;
  heads: number;
  /** Of the longest sequence. */
  time: number;
  /** n */
  tokens: number;
  /** First query, queries, first key and keys of each sequence, int32 [b, 4]: with a query a token, and with one a sequence. */
  tokenQueries: Tensor2D;
  sequenceQueries: Tensor2D;
  /** null where the engine takes sequences of any lengths. */
  padded: PaddedLayout | null;
}

/**
 * @param lengths tokens of each sequence
 * @param heads attention heads
 * @param paddedRows true: the rows of [n, d] hold padding too, n = b t; false: n = sum of lengths
 * @param pads whether attention itself is to be computed on padded tensors; by default where the engine cannot do without
 */
export function attentionLayout(
  lengths: Int32Array,
  heads: number,
  paddedRows: boolean,
  pads = !hasAttentionKernel(),
): AttentionLayout {
  const time = lengths.reduce((longest, length) => Math.max(longest, length), 0);
  const tokenQueries: number[][] = [];
  const sequenceQueries: number[][] = [];
  let tokens = 0;
  lengths.forEach((length, sequence) => {
    const rows = paddedRows ? time : length;
    tokenQueries.push([tokens, rows, tokens, length]);
    sequenceQueries.push([sequence, 1, tokens, length]);
    tokens += rows;
  });
  return {
    ...{ sequences: lengths.length, heads, time, tokens },
    tokenQueries: tf.tensor2d(tokenQueries, [lengths.length, 4], 'int32'),
    sequenceQueries: tf.tensor2d(sequenceQueries, [lengths.length, 4], 'int32'),
    padded: pads ? paddedLayout(lengths, heads, time, paddedRows) : null,
  };
}

/**
 * Multi-head attention, softmax(q k^T / sqrt(d/h)) v, heads side by side (Vaswani et al., 2017).
 *
 * @returns [n, d] or [b, d], as the query
 */
export function attention(layout: AttentionLayout, inputs: AttentionInputs): Tensor2D {
  const { query, key, value, queryPerSequence = false, prefix = null, dropout = null } = inputs;
  const { heads, padded } = layout;
  if (padded !== null) return paddedAttention(padded, { query, key, value, queryPerSequence, prefix, dropout });
  const places = queryPerSequence ? layout.sequenceQueries : layout.tokenQueries;
  const given = { query, key, value, prefixKey: prefix?.key ?? null, prefixValue: prefix?.value ?? null };
  return differentiable<keyof typeof given, Tensor2D>({
    name: 'attention',
    inputs: given,
    forward: () => {
      const { context, probabilities } = attentionForward({ ...given, places, dropout }, heads);
      const optional = [given.prefixKey, given.prefixValue, dropout].filter((tensor) => tensor !== null);
      return { output: context, saved: [query, key, value, places, probabilities, ...optional] };
    },
    gradient: (dy, saved) => {
      const [savedQuery, savedKey, savedValue, savedPlaces, probabilities, ...optional] = saved as Tensor2D[];
      const [prefixKey, prefixValue] = prefix === null ? [null, null] : (optional as [Tensor2D, Tensor2D]);
      const inputs = {
        ...{ query: savedQuery!, key: savedKey!, value: savedValue!, prefixKey, prefixValue, places: savedPlaces! },
        dropout: dropout === null ? null : (optional.at(-1) as unknown as Tensor4D),
      };
      return attentionGradient(dy, inputs, probabilities as unknown as Tensor1D, heads);
    },
  });
}
