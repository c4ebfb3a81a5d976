import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { KernelInputs as Inputs } from './kernels';

/**
 * Kernels of `kernels.ts` as compositions of TensorFlow.js's own operations: for a GPU, and for an addon that was not built by
 * `npm run engine`.
 */
export function composedGelu(inputs: Inputs): TensorInfo {
  const { x } = inputs as Record<'x', Tensor>;
  return tf.tidy(() => tf.mul(x, normalDistribution(x)));
}

export function composedGeluGradient(inputs: Inputs): TensorInfo {
  const { x, dy } = inputs as Record<'x' | 'dy', Tensor>;
  return tf.tidy(() => {
    const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return tf.mul(dy, tf.add(normalDistribution(x), tf.mul(x, density)));
  });
}

const normalDistribution = (x: Tensor): Tensor => tf.add(tf.mul(tf.erf(tf.mul(x, Math.SQRT1_2)), 0.5), 0.5);

export function composedLayerNorm(inputs: Inputs, epsilon: number): TensorInfo[] {
  const { x, residual, gamma, beta } = inputs as Record<string, Tensor>;
  return tf.tidy(() => {
    const sum = residual === undefined ? x! : tf.add(x!, residual);
    const centred = tf.sub(sum, tf.mean(sum, 1, true));
    const inverseDeviation = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), epsilon));
    const normal = tf.mul(centred, inverseDeviation);
    return [tf.add(tf.mul(normal, gamma!), beta!), normal, inverseDeviation];
  });
}

export function composedLayerNormGradient(inputs: Inputs): TensorInfo {
  const { dy, normal, inverseDeviation, gamma } = inputs as Record<string, Tensor>;
  return tf.tidy(() => {
    const dNormal = tf.mul(dy!, gamma!);
    const along = tf.mean(tf.mul(dNormal, normal!), 1, true);
    const across = tf.sub(tf.sub(dNormal, tf.mean(dNormal, 1, true)), tf.mul(normal!, along));
    return tf.mul(across, inverseDeviation!);
  });
}
