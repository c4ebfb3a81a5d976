import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { layerNormForward, layerNormGradient } from '../engine/kernels';
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
      const { output, normal, inverseDeviation } = layerNormForward(x, residual, weight, bias, eps);
      return { output, saved: [normal, inverseDeviation, weight] };
    },
    gradient: (dy, [normal, inverseDeviation, gamma], needs) => {
      const left = { normal: normal as Tensor2D, inverseDeviation: inverseDeviation as Tensor2D };
      const dSum = needs('x') || needs('residual') ? layerNormGradient(dy, left, gamma as Tensor1D) : undefined;
      return {
        x: dSum,
        residual: dSum,
        weight: needs('weight') ? tf.sum(tf.mul(dy, normal!), 0) : undefined,
        bias: needs('bias') ? tf.sum(dy, 0) : undefined,
      };
    },
  });
}
