import * as tf from '@tensorflow/tfjs-core';
import type { RandomStream } from '../numeric/random';
import { isAdapterUp } from './peft/adapters';

/**
 * A freshly drawn weight of a transformer: biases and the upper matrix of adapters are 0, layer norms 1, matrices N(0, std).
 * The random stream is keyed by the name, so the draw does not depend on which other weights are drawn.
 */
export function initialiseWeight(
  name: string,
  shape: readonly number[],
  standardDeviation: number,
  random: RandomStream,
): tf.Tensor {
  if (name.endsWith('.bias') || isAdapterUp(name)) return tf.zeros([...shape]);
  if (name.endsWith('LayerNorm.weight')) return tf.ones([...shape]);
  const values = new Float32Array(tf.util.sizeFromShape([...shape]));
  return tf.tensor(random.substream(name).fillNormal(values, 0, standardDeviation), [...shape]);
}
