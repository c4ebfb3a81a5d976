import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * x carried back through a softmax: p * (x - <p, x>) per sample, the product of x with the (symmetric) Jacobian of p at
 * temperature 1.
 *
 * @param p probabilities [b, c]
 * @param x [b, c]
 */
export function throughSoftmax(p: Tensor2D, x: Tensor2D): Tensor2D {
  return tf.tidy(() => tf.mul(p, tf.sub(x, tf.sum(tf.mul(p, x), 1, true))));
}
