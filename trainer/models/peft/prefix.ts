import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { TensorShapes, Weights } from '../../numeric/weights';
import type { AttentionPrefix } from '../../ops/attention-inputs';

/**
 * Prefix tuning (Li and Liang, 2021): in every layer some keys and values that no token has stand before those of the
 * text, under one softmax with them. They are parameters themselves, without the paper's reparametrisation; positions of
 * the text are as they were, since a prefix has none. They begin near 0 but not without effect: a key near 0 takes a
 * share of the softmax like any other.
 */
const prefixName = (layer: string, part: 'key' | 'value'): string => `${layer}.attention.self.prefix_${part}`;

/** Weights of the prefix of a layer, [p, d] each: all heads side by side, as in the projections. */
export const prefixShapes = (layer: string, hidden: number, length: number): TensorShapes => ({
  [prefixName(layer, 'key')]: [length, hidden],
  [prefixName(layer, 'value')]: [length, hidden],
});

/** The prefix of a layer; null where `weights` holds none for it. */
export function prefixOf(weights: Weights, layer: string): AttentionPrefix | null {
  const key = weights[prefixName(layer, 'key')] as Tensor2D | undefined;
  const value = weights[prefixName(layer, 'value')] as Tensor2D | undefined;
  return key && value ? { key, value } : null;
}
