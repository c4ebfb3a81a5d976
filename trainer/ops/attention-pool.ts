import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { selectRows } from './embedding';

/** How n rows of sequences, one behind the other, stand in [b, t]. */
export interface PaddedPlaces {
  sequences: number;
  time: number;
  /** [b t]: row at each place; places beyond a sequence's end name its first. */
  rows: Int32Array;
  /** [b, t]: 1 at rows, 0 beyond. */
  mask: Tensor2D;
}

/** @param lengths rows of each sequence, all >= 1 */
export function paddedPlaces(lengths: Int32Array): PaddedPlaces {
  const sequences = lengths.length;
  const time = lengths.reduce((longest, length) => Math.max(longest, length), 0);
  const rows = new Int32Array(sequences * time);
  const mask = new Float32Array(sequences * time);
  let first = 0;
  lengths.forEach((length, sequence) => {
    for (let place = 0; place < time; place++) {
      rows[sequence * time + place] = first + (place < length ? place : 0);
      mask[sequence * time + place] = place < length ? 1 : 0;
    }
    first += length;
  });
  return { sequences, time, rows, mask: tf.tensor2d(mask, [sequences, time]) };
}

/** One number a row as [b, t], 0 beyond a sequence's end. @param x [n, 1] */
export function padded(x: Tensor2D, { sequences, time, rows, mask }: PaddedPlaces): Tensor2D {
  return tf.mul(tf.reshape(selectRows(x, rows), [sequences, time]), mask);
}

/**
 * The mean of a sequence's states, weighted by the softmax of their scores among each other (Bahdanau et al., 2015).
 *
 * @param states [n, d]
 * @param scores [n, 1]
 * @returns [b, d]
 */
export function attentionPool(states: Tensor2D, scores: Tensor2D, places: PaddedPlaces): Tensor2D {
  const { sequences, time, rows, mask } = places;
  const width = states.shape[1];
  const penalty = tf.mul(tf.sub(mask, 1), 1e9); // 0 at rows, -1e9 beyond
  const weights = tf.softmax(tf.add<Tensor2D>(padded(scores, places), penalty)); // [b, t]
  const spread = tf.reshape(selectRows(states, rows), [sequences, time, width]) as Tensor3D;
  const pooled = tf.matMul(tf.reshape(weights, [sequences, 1, time]), spread); // [b, 1, d]
  return tf.reshape(pooled, [sequences, width]);
}
