import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../data/batch';
import { batchOf, type Examples, evaluationOrder } from '../data/batches';
import { withinMemory } from '../evaluation/batch-memory';
import { bertStates } from '../models/bert';
import type { BertConfig } from '../models/bert-config';
import type { Weights } from '../numeric/weights';
import { selectRows } from '../ops/embedding';
import { evaluationBatchSize } from './teacher-logits';

/** Inner states of a teacher in evaluation mode, a row an example or a row a word of the student. */
export interface StateReader {
  per: 'example' | 'word';
  width: number;
  /** [rows, width] */
  read(batch: Batch): Tensor2D;
}

/**
 * The states of [CLS] after some layers, side by side.
 *
 * @param layers counted from 1, whose states leave the first encoder layer
 */
export function clsStates(weights: Weights, config: BertConfig, layers: readonly number[]): StateReader {
  return {
    per: 'example',
    width: layers.length * config.hidden,
    read: ({ tokens }) => {
      const { states, firstTokens } = bertStates(weights, config, tokens!);
      return tf.concat(
        layers.map((layer) => selectRows(states[layer]!, firstTokens)),
        1,
      ); // [b, layers d]
    },
  };
}

/**
 * Of every word of the student 1 (0 where the teacher reads nothing of it), and the teacher's embedding and last states,
 * each the mean over the word's pieces: [n, 1 + 2d].
 */
export function wordStates(weights: Weights, config: BertConfig): StateReader {
  return {
    per: 'word',
    width: 1 + 2 * config.hidden,
    read: ({ tokens, words, wordRows }) => {
      const { states } = bertStates(weights, config, tokens!);
      const both = tf.concat([states[0]!, states.at(-1)!], 1); // [pieces, 2d]
      const pieces = Int32Array.from(wordRows!.keys()).filter((piece) => wordRows![piece]! >= 0);
      const count = words!.ids.length;
      const counts = new Float32Array(count);
      for (const piece of pieces) counts[wordRows![piece]!]! += 1;
      const isRead = tf.tensor2d(
        counts.map((pieces) => Math.min(pieces, 1)),
        [count, 1],
      );
      if (pieces.length === 0) return tf.zeros([count, 1 + both.shape[1]!]);
      const wordOfPiece = tf.tensor1d(
        pieces.map((piece) => wordRows![piece]!),
        'int32',
      );
      const sums = tf.unsortedSegmentSum(selectRows(both as Tensor2D, pieces), wordOfPiece, count); // [n, 2d]
      const divisors = tf.tensor2d(
        counts.map((pieces) => Math.max(pieces, 1)),
        [count, 1],
      );
      return tf.concat([isRead, tf.div<Tensor2D>(sums, divisors)], 1);
    },
  };
}

/** Where the rows of each example begin, one more than there are examples. */
export function rowOffsets({ rows, words }: Examples, per: 'example' | 'word'): Int32Array {
  return per === 'word' ? words!.offsets : Int32Array.from({ length: rows.length + 1 }, (_, position) => position);
}

/**
 * The states of all examples in their order, [rows, width].
 *
 * @param told how many examples are done
 * @returns null where `signal` was aborted
 */
export async function readStates(
  reader: StateReader,
  examples: Examples,
  signal: AbortSignal,
  told: (done: number) => void,
): Promise<Float32Array | null> {
  const { width, per } = reader;
  const offsets = rowOffsets(examples, per);
  const all = new Float32Array(offsets.at(-1)! * width);
  let done = 0;
  for (const positions of evaluationOrder(examples, evaluationBatchSize)) {
    await nextTurn();
    if (signal.aborted) return null;
    const batch = batchOf(examples, positions);
    const states = withinMemory(batch, null, () => tf.tidy(() => reader.read(batch)));
    const values = (await states.data()) as Float32Array;
    states.dispose();
    let from = 0;
    for (const position of positions) {
      const length = (offsets[position + 1]! - offsets[position]!) * width;
      all.set(values.subarray(from, from + length), offsets[position]! * width);
      from += length;
    }
    done += positions.length;
    told(done);
  }
  return all;
}
