import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from './differentiable';

/** x * factor, element by element; no gradient goes to the factor, a dropout mask of the shape of x. */
export function multiplyByConstant<T extends Tensor>(x: T, factor: Tensor): T {
  return differentiable<'x', T>({
    name: 'multiplyByConstant',
    inputs: { x },
    forward: () => ({ output: tf.mul<T>(x, factor), saved: [factor] }),
    gradient: (dy, [savedFactor]) => ({ x: tf.mul(dy, savedFactor!) }),
  });
}
