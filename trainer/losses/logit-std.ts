import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** Logits of which each sample has mean 0 and (population) standard deviation 1, and the deviation they had. */
export interface Standardised {
  /** Z [b, c] */
  logits: Tensor2D;
  /** r [b, 1] */
  deviation: Tensor;
}

/**
 * Logit standardisation (Sun et al., 2024, algorithm 1): Z = (z - mean) / r per sample, r = sqrt(variance + 1e-12), so that
 * equal logits give 0.
 *
 * @param logits [b, c]
 */
export function standardise(logits: Tensor2D): Standardised {
  const centred = tf.sub(logits, tf.mean(logits, 1, true));
  const deviation = tf.sqrt(tf.add(tf.mean(tf.square(centred), 1, true), 1e-12)); // [b, 1]
  return { logits: tf.div(centred, deviation), deviation };
}

/** x times the (symmetric) Jacobian of Z with respect to z: (x - mean x - Z mean(Z * x)) / r per sample, [b, c]. */
export function throughStandardisation({ logits, deviation }: Standardised, x: Tensor2D): Tensor2D {
  return tf.tidy(() => {
    const along = tf.mean(tf.mul(logits, x), 1, true);
    return tf.div(tf.sub(tf.sub(x, tf.mean(x, 1, true)), tf.mul(logits, along)), deviation);
  });
}
