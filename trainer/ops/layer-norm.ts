import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from './differentiable';

export interface LayerNormWeights {
  /** gamma [d] */
  weight: Tensor1D;
  /** beta [d] */
  bias: Tensor1D;
}

/**
 * gamma (s - mean) / sqrt(variance + eps) + beta with s = x + residual, each row by itself (Ba et al., 2016; the variance
 * is the biased one).
 *
 * @param x [n, d]
 * @param residual [n, d]; null: none
 */
export function addLayerNorm(
  x: Tensor2D,
  residual: Tensor2D | null,
  { weight, bias }: LayerNormWeights,
  eps: number,
): Tensor2D {
  return differentiable<'x' | 'residual' | 'weight' | 'bias', Tensor2D>({
    name: 'addLayerNorm',
    inputs: { x, residual, weight, bias },
    forward: () => {
      const sum = residual === null ? x : tf.add<Tensor2D>(x, residual);
      const centred = tf.sub(sum, tf.mean(sum, 1, true));
      const inverseDeviation = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), eps)); // [n, 1]
      const normal = tf.mul(centred, inverseDeviation);
      const output = tf.add<Tensor2D>(tf.mul(normal, weight), bias);
      return { output, saved: [normal, inverseDeviation, weight] };
    },
    gradient: (dy, [normal, inverseDeviation, gamma], needs) => {
      const dWeight = needs('weight') ? tf.sum(tf.mul(dy, normal!), 0) : undefined;
      const dBias = needs('bias') ? tf.sum(dy, 0) : undefined;
      if (!needs('x') && !needs('residual')) return { weight: dWeight, bias: dBias };
      const dNormal = tf.mul(dy, gamma!);
      const along = tf.mean(tf.mul(dNormal, normal!), 1, true); // [n, 1]
      const across = tf.sub(tf.sub(dNormal, tf.mean(dNormal, 1, true)), tf.mul(normal!, along));
      const dSum = tf.mul(across, inverseDeviation!);
      return { x: dSum, residual: dSum, weight: dWeight, bias: dBias };
    },
  });
}
