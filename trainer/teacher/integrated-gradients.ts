import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { EmbeddedClassifier } from '../models/model';
import { withPullback } from '../numeric/gradients';
import type { Weights } from '../numeric/weights';
import type { Sequences } from '../tokenizers/sequences';

/** What the tokens of a batch did for the predicted class of their example. */
export interface Attributions {
  /** Of every token, [n]. */
  tokens: Tensor1D;
  /** F(x) - F(x') of every example, [b]: what the attributions of its tokens have to sum up to. */
  change: Tensor1D;
}

/**
 * Integrated Gradients (Sundararajan et al., 2017) of the logit F of the class that is predicted for x, along the straight
 * line from the baseline x':
 *
 *     attribution_i = sum over d of (x_i - x'_i) * integral_0^1 dF/dx_i (x' + a (x - x')) da
 *
 * The integral is taken by Gauss and Legendre's rule, whose error falls far faster with the steps than a sum of rectangles.
 *
 * @param steps points on the line; one forward and one backward pass of the batch each, beside two forward passes
 */
export function integratedGradients(classifier: EmbeddedClassifier, tokens: Sequences, steps: number): Attributions {
  const { points, weights } = gaussLegendre(steps);
  const [attributions, change] = tf.tidy(() => {
    const { given, baseline } = classifier.vectors(tokens);
    const line = tf.sub<Tensor2D>(given, baseline);
    const logits = classifier.logits(tokens, given); // [b, c]
    const predicted = tf.cast(tf.oneHot(tf.argMax(logits, 1), logits.shape[1]), 'float32') as Tensor2D;
    const forward = ({ vectors }: Weights) => classifier.logits(tokens, vectors as Tensor2D);
    let integral: Tensor2D = tf.zerosLike(line);
    points.forEach((point, index) => {
      const before = integral;
      integral = tf.tidy(() => {
        const at = { vectors: tf.add<Tensor2D>(baseline, tf.mul(line, point)) };
        const { gradients } = withPullback(forward, at, () => ({ seed: predicted }));
        return tf.add(before, tf.mul(gradients.vectors!, weights[index]!));
      });
      before.dispose();
    });
    const difference = tf.sub(logits, classifier.logits(tokens, baseline));
    return [tf.sum(tf.mul(line, integral), 1), tf.sum(tf.mul(difference, predicted), 1)] as [Tensor1D, Tensor1D];
  });
  return { tokens: attributions, change };
}

/**
 * Points and weights of Gauss and Legendre's rule on [0, 1]: exact for polynomials of degree 2n - 1. The points are the
 * roots of the Legendre polynomial P_n, by Newton's method from Chebyshev's.
 */
export function gaussLegendre(n: number): { points: number[]; weights: number[] } {
  const points: number[] = [];
  const weights: number[] = [];
  for (let i = 0; i < n; i++) {
    let x = Math.cos((Math.PI * (n - i - 0.25)) / (n + 0.5));
    let slope = 1;
    for (let round = 0; round < 20; round++) {
      const [value, before] = legendre(n, x);
      slope = (n * (before - x * value)) / (1 - x * x);
      x -= value / slope;
    }
    points.push((1 + x) / 2);
    weights.push(1 / ((1 - x * x) * slope * slope));
  }
  return { points, weights };
}

/** P_n(x) and P_{n-1}(x), by Bonnet's recursion. */
function legendre(n: number, x: number): [number, number] {
  let [value, before] = [x, 1];
  for (let k = 2; k <= n; k++) [value, before] = [((2 * k - 1) * x * value - (k - 1) * before) / k, value];
  return [value, before];
}
