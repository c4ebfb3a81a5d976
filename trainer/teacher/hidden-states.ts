import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Sequences } from '../tokenizers/sequences';

/** Most that hidden states may take of this machine's memory; beyond, they are computed at every step instead. */
export const hiddenStateLimitBytes = 2 ** 30;

/** States that enter one layer of an encoder whose layers below never change, kept by the word pieces they come from. */
export interface HiddenStates {
  /** From 0 at the embedding. */
  layer: number;
  /** The states of a batch, [n, d]; null where not all of its sequences are kept. The caller disposes of them. */
  of(tokens: Sequences): Tensor2D | null;
  /**
   * Computes and keeps the states of some sequences, in the order given, so that a resumed run keeps the very same.
   *
   * @returns 'too-large': nothing was kept, since they would take more than the limit
   */
  keep(batches: readonly Sequences[], signal: AbortSignal): Promise<'kept' | 'too-large' | 'interrupted'>;
}

/**
 * @param compute the states of a batch, [n, d], unpadded and in evaluation mode
 * @param width d
 */
export function hiddenStateCache(
  layer: number,
  width: number,
  compute: (tokens: Sequences) => Tensor2D,
  limitBytes = hiddenStateLimitBytes,
): HiddenStates {
  const kept = new Map<string, Float32Array>();
  return {
    layer,
    of: (tokens) => {
      const parts = sequencesOf(tokens).map((ids) => kept.get(keyOf(ids)));
      if (parts.length === 0 || parts.includes(undefined)) return null;
      const values = new Float32Array(tokens.ids.length * width);
      let at = 0;
      for (const part of parts as Float32Array[]) {
        values.set(part, at);
        at += part.length;
      }
      return tf.tensor2d(values, [tokens.ids.length, width]);
    },
    keep: async (batches, signal) => {
      const tokens = batches.reduce((sum, { ids }) => sum + ids.length, 0);
      if (tokens * width * Float32Array.BYTES_PER_ELEMENT > limitBytes) return 'too-large';
      for (const batch of batches) {
        await nextTurn();
        if (signal.aborted) return 'interrupted';
        const states = tf.tidy(() => compute(batch)); // [n, d]
        const values = (await states.data()) as Float32Array;
        states.dispose();
        let at = 0;
        for (const ids of sequencesOf(batch)) {
          kept.set(keyOf(ids), values.slice(at, at + ids.length * width));
          at += ids.length * width;
        }
      }
      return 'kept';
    },
  };
}

/** Sequences by content: states depend on nothing else, so equal texts of any split share theirs. */
const keyOf = (ids: Int32Array): string =>
  String.fromCharCode(...new Uint16Array(ids.buffer, ids.byteOffset, 2 * ids.length));

function sequencesOf({ ids, lengths }: Sequences): Int32Array[] {
  let from = 0;
  return Array.from(lengths, (length) => {
    from += length;
    return ids.subarray(from - length, from);
  });
}
