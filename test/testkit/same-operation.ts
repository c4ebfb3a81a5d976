import * as tf from '@tensorflow/tfjs-core';
import { valueAndGradients } from '../../trainer/numeric/gradients';
import type { Weights } from '../../trainer/numeric/weights';
import { largestDifference, normalTensor } from './tensors';

export type Operation = (inputs: Weights) => tf.Tensor;

/** Holds value and gradients of `operation` against those that TensorFlow.js derives from `plain`, both from one seed. */
export function expectSame(operation: Operation, plain: Operation, inputs: Weights): void {
  tf.tidy(() => {
    const shape = plain(inputs).shape;
    const weighted = (f: Operation) => (x: Weights) => tf.sum<tf.Scalar>(tf.mul(f(x), normalTensor('seed', shape)));
    expect(largestDifference(operation(inputs), plain(inputs))).toBeLessThan(2e-6);
    const actual = valueAndGradients(weighted(operation), inputs).gradients;
    const names = Object.keys(inputs);
    const expected = tf.grads((...x: tf.Tensor[]) =>
      weighted(plain)(Object.fromEntries(names.map((n, i) => [n, x[i]!]))),
    )(Object.values(inputs));
    names.forEach((name, i) => {
      expect({ name, close: largestDifference(actual[name]!, expected[i]!) < 1e-5 }).toEqual({ name, close: true });
    });
  });
}
