import type { Tensor } from '@tensorflow/tfjs-core';
import { geluForward, geluGradient } from '../engine/kernels';
import { differentiable } from './differentiable';

/** GELU(x) = x Phi(x), Phi the normal distribution function by erf (not the tanh approximation); any shape. */
export function gelu<T extends Tensor>(x: T): T {
  return differentiable<'x', T>({
    name: 'gelu',
    inputs: { x },
    forward: () => ({ output: geluForward(x), saved: [x] }),
    gradient: (dy, [savedX]) => ({ x: geluGradient(savedX as T, dy) }),
  });
}
