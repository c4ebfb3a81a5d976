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
  /** As the engine's own kernel takes sequences of any lengths, or where there is none. */
  places: Places | PaddedLayout;
}

/** First query, queries, first key and keys of each sequence, int32 [b, 4]. */
interface Places {
  kind: 'places';
  /** With a query a token. */
  ofTokens: Tensor2D;
  /** With a query a sequence. */
  ofSequences: Tensor2D;
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
  const sizes = { sequences: lengths.length, heads, time };
  const rows = paddedRows ? lengths.map(() => time) : lengths;
  const tokens = rows.reduce((sum, count) => sum + count, 0);
  const places = pads ? paddedLayout(lengths, { ...sizes, tokens }, paddedRows) : placesOf(lengths, rows);
  return { ...sizes, tokens, places };
}

/** @param rows of each sequence, `lengths` of which are keys */
function placesOf(lengths: Int32Array, rows: Int32Array): Places {
  const ofTokens: number[][] = [];
  const ofSequences: number[][] = [];
  let first = 0;
  lengths.forEach((length, sequence) => {
    ofTokens.push([first, rows[sequence]!, first, length]);
    ofSequences.push([sequence, 1, first, length]);
    first += rows[sequence]!;
  });
  const tensor = (places: number[][]) => tf.tensor2d(places, [lengths.length, 4], 'int32');
  return { kind: 'places', ofTokens: tensor(ofTokens), ofSequences: tensor(ofSequences) };
}

/**
 * Multi-head attention, softmax(q k^T / sqrt(d/h)) v, heads side by side (Vaswani et al., 2017).
 *
 * @returns [n, d] or [b, d], as the query
 */
export function attention(layout: AttentionLayout, inputs: AttentionInputs): Tensor2D {
  const { query, key, value, queryPerSequence = false, prefix = null, dropout = null } = inputs;
  if (layout.places.kind === 'padded')
    return paddedAttention(layout.places, { query, key, value, queryPerSequence, prefix, dropout });
  const { heads } = layout;
  const places = queryPerSequence ? layout.places.ofSequences : layout.places.ofTokens;
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
