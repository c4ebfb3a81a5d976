import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { spreadOf } from './spread';

/** Logits of which each sample has mean 0 and (population) standard deviation 1, and the deviation they had. */
export interface Standardised {
  /** Z [b, c] */
  logits: Tensor2D;
  /** 1 / r, [b, 1]; 0 for equal logits */
  inverseDeviation: Tensor;
}

/**
 * Logit standardisation (Sun et al., 2024, algorithm 1): Z = (z - mean) / r per sample, with the population deviation r. For
 * equal logits Z and its Jacobian are 0.
 *
 * @param logits [b, c]
 */
export function standardise(logits: Tensor2D): Standardised {
  const { centred, inverseNorm } = spreadOf(logits, 1);
  const inverseDeviation = tf.mul(inverseNorm, Math.sqrt(logits.shape[1])); // [b, 1]
  return { logits: tf.mul(centred, inverseDeviation), inverseDeviation };
}

/** x times the (symmetric) Jacobian of Z with respect to z: (x - mean x - Z mean(Z * x)) / r per sample, [b, c]. */
export function throughStandardisation({ logits, inverseDeviation }: Standardised, x: Tensor2D): Tensor2D {
  return tf.tidy(() => {
    const along = tf.mean(tf.mul(logits, x), 1, true);
    return tf.mul(tf.sub(tf.sub(x, tf.mean(x, 1, true)), tf.mul(logits, along)), inverseDeviation);
  });
}
