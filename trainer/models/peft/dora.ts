import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Weights } from '../../numeric/weights';
import { differentiable } from '../../ops/differentiable';
import { type LowRank, linear, withLowRank } from '../../ops/linear';

/**
 * DoRA (Liu et al., 2024): the rows of W + s B A give directions alone, and a learnt magnitude m [o] their lengths:
 *
 *     y = (m / ||W + s B A||) * (W x + s B A x) + bias
 *
 * with the norm of each row. In the gradient the norm counts as a constant (section 4.3 of the paper), as in peft.
 */
const magnitudeName = (projection: string): string => `${projection}.lora_magnitude`;

/** The magnitudes at the start, so that with B = 0 nothing changes: the length of every row of each projection. */
export function initialMagnitudes(weights: Weights, projections: readonly string[]): Weights {
  return Object.fromEntries(
    projections.map((projection) => [
      magnitudeName(projection),
      tf.tidy(() => rowLengths(weights[`${projection}.weight`] as Tensor2D)),
    ]),
  );
}

/** The magnitudes of a projection, [o]; null where `weights` holds none for it. */
export const magnitudeOf = (weights: Weights, projection: string): Tensor1D | null =>
  (weights[magnitudeName(projection)] as Tensor1D | undefined) ?? null;

export const isMagnitudeName = (name: string): boolean => name.endsWith('.lora_magnitude');

/** @param x [n, i] @param magnitude [o] @returns [n, o] */
export function doraLinear(
  x: Tensor2D,
  { weight, bias, lowRank }: { weight: Tensor2D; bias: Tensor1D; lowRank: LowRank },
  magnitude: Tensor1D,
): Tensor2D {
  const directed = linear(x, { weight, bias: null, lowRank }); // [n, o]
  return differentiable<'directed' | 'magnitude' | 'bias', Tensor2D>({
    name: 'dora',
    inputs: { directed, magnitude, bias },
    forward: () => {
      const lengths = rowLengths(withLowRank(weight, lowRank));
      const factors = tf.div<Tensor1D>(magnitude, lengths);
      return { output: tf.add(tf.mul(directed, factors), bias), saved: [directed, lengths, factors] };
    },
    gradient: (dy, saved, needs) => {
      const [savedDirected, lengths, factors] = saved as [Tensor2D, Tensor1D, Tensor1D];
      return {
        directed: needs('directed') ? tf.mul(dy, factors) : undefined,
        magnitude: needs('magnitude') ? tf.div(tf.sum(tf.mul(dy, savedDirected), 0), lengths) : undefined,
        bias: needs('bias') ? tf.sum(dy, 0) : undefined,
      };
    },
  });
}

/** The one matrix, [o, i], that does the same without DoRA. */
export function mergedDora(weight: Tensor2D, lowRank: LowRank, magnitude: Tensor1D): Tensor2D {
  return tf.tidy(() => {
    const directions = withLowRank(weight, lowRank);
    return tf.mul(directions, tf.expandDims(tf.div(magnitude, rowLengths(directions)), 1));
  });
}

/** [o, i] -> [o] */
const rowLengths = (matrix: Tensor2D): Tensor1D => tf.sqrt(tf.sum<Tensor1D>(tf.square(matrix), 1));
