import * as tf from '@tensorflow/tfjs-core';
import { randomStream } from '../../trainer/numeric/random';
import type { Weights } from '../../trainer/numeric/weights';
import type { NaiveWeights } from './naive-models';

/** A tensor of normal numbers, the same at every call with the same key. */
export function normalTensor(key: string, shape: number[], standardDeviation = 1): tf.Tensor {
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  return tf.tensor(randomStream(1, key).fillNormal(values, 0, standardDeviation), shape);
}

/** Weights of the same names and shapes, all drawn anew, so that no bias is 0 and no layer norm trivial. */
export function redrawn(weights: Weights, standardDeviation: number): Weights {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [name, normalTensor(name, weight.shape, standardDeviation)]),
  );
}

/** The same numbers in float64. */
export function toFloat64(weights: Weights): NaiveWeights {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [
      name,
      { shape: weight.shape, values: Float64Array.from(weight.dataSync()) },
    ]),
  );
}

/** Largest |a - b| over all elements. */
export function largestDifference(a: tf.Tensor | ArrayLike<number>, b: tf.Tensor | ArrayLike<number>): number {
  const [left, right] = [a, b].map((side) => (side instanceof tf.Tensor ? side.dataSync() : side)) as [
    ArrayLike<number>,
    ArrayLike<number>,
  ];
  if (left.length !== right.length) throw new Error(`${left.length} numbers against ${right.length}`);
  let largest = 0;
  for (let i = 0; i < left.length; i++) {
    const difference = Math.abs(left[i]! - right[i]!);
    largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
  }
  return largest;
}
