import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from './differentiable';

/** GELU(x) = x Phi(x), Phi the normal distribution function by erf (not the tanh approximation); any shape. */
export function gelu<T extends Tensor>(x: T): T {
  return differentiable<'x', T>({
    name: 'gelu',
    inputs: { x },
    forward: () => {
      const phi = tf.add(tf.mul(tf.erf(tf.mul(x, Math.SQRT1_2)), 0.5), 0.5);
      return { output: tf.mul(x, phi), saved: [x, phi] };
    },
    gradient: (dy, [savedX, phi]) => {
      const density = tf.mul(tf.exp(tf.mul(tf.square(savedX!), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return { x: tf.mul(dy, tf.add(phi!, tf.mul(savedX!, density))) }; // dy (Phi + x phi)
    },
  });
}
