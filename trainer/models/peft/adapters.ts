import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { TensorShapes, Weights } from '../../numeric/weights';
import { gelu } from '../../ops/gelu';
import { linear } from '../../ops/linear';

/**
 * Bottleneck adapters (Houlsby et al., 2019), in their placement: in every layer one behind the projection of attention
 * and one behind that of the feed-forward part, each before the residual is added:
 *
 *     y = x + W_up gelu(W_down x + b_down) + b_up
 *
 * W_up begins as 0, so at first they change nothing at all. Layer norms stay as they are, unlike in the paper.
 */
const adapterPlaces = (layer: string): [string, string] => [`${layer}.attention.output`, `${layer}.output`];

/** Weights of the adapters of a layer, `<place>.adapter.down` and `<place>.adapter.up`, of a bottleneck `size` wide. */
export function adapterShapes(layer: string, hidden: number, size: number): TensorShapes {
  const shapes = adapterPlaces(layer).map((place) => ({
    [`${place}.adapter.down.weight`]: [size, hidden],
    [`${place}.adapter.down.bias`]: [size],
    [`${place}.adapter.up.weight`]: [hidden, size],
    [`${place}.adapter.up.bias`]: [hidden],
  }));
  return Object.assign({}, ...shapes);
}

/** Whether a weight of this name begins as 0 for an adapter to have no effect. */
export const isAdapterUp = (name: string): boolean => name.endsWith('.adapter.up.weight');

/** What the adapter at a place makes of x, [n, d] -> [n, d]; x itself where `weights` holds none for it. */
export function adapt(weights: Weights, place: string, x: Tensor2D): Tensor2D {
  if (!(`${place}.adapter.down.weight` in weights)) return x;
  const part = (name: 'down' | 'up') => ({
    weight: weights[`${place}.adapter.${name}.weight`] as Tensor2D,
    bias: weights[`${place}.adapter.${name}.bias`] as Tensor1D,
  });
  return tf.add<Tensor2D>(x, linear(gelu(linear(x, part('down'))), part('up')));
}
