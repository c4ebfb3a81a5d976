import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** Relative to the largest value: below it lie the differences that float32 makes between equal values. */
const roundingShare = 1e-6;

/** Values without their mean along an axis, and one over their norm; 0 where they are equal but for rounding. */
export interface Spread {
  /** [b, c] */
  centred: Tensor;
  /** 1 / |centred|, [b, 1] or [1, c] */
  inverseNorm: Tensor;
}

/**
 * What divides by a norm or a deviation divides here, so that equal values have a direction of 0, and no gradient: no direction is
 * nearer to them than another, and a small constant under the root would make their gradient a million times too large.
 */
export function spreadOf(x: Tensor, axis: number): Spread {
  return tf.tidy(() => {
    const centred = tf.sub(x, tf.mean(x, axis, true));
    const norm = tf.sqrt(tf.sum(tf.square(centred), axis, true));
    const isSpread = tf.greater(norm, tf.mul(tf.max(tf.abs(x), axis, true), roundingShare));
    const inverseNorm = tf.where(isSpread, tf.div(1, tf.where(isSpread, norm, tf.onesLike(norm))), tf.zerosLike(norm));
    return { centred, inverseNorm };
  });
}
