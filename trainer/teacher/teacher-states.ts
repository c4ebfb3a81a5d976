import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../data/batch';
import { batchOf, type Examples, evaluationOrder } from '../data/batches';
import { withinMemory } from '../evaluation/batch-memory';
import { inputsOf, type Model } from '../models/model';
import type { Weights } from '../numeric/weights';
import { selectRows } from '../ops/embedding';
import { evaluationBatchSize } from './teacher-logits';

/** Inner states of a teacher in evaluation mode, a row an example or a row an id of the student. */
export interface StateReader {
  per: 'example' | 'word';
  width: number;
  /** [rows, width] */
  read(batch: Batch): Tensor2D;
}

/**
 * The states that stand for a sequence after some layers, side by side.
 *
 * @param layers counted from 1, whose states leave the first layer
 */
export function summaryStates(model: Model, weights: Weights, layers: readonly number[]): StateReader {
  return {
    per: 'example',
    width: layers.length * model.sizes.hidden,
    read: (batch) => {
      const { summary } = model.states(inputsOf(batch, 'teacher'), { dropout: null })(weights);
      return tf.concat(layers.map(summary), 1); // [b, layers d]
    },
  };
}

/**
 * Of every word of the student 1 (0 where the teacher reads nothing of it), and the teacher's embedding and last states,
 * each the mean over the word's pieces: [n, 1 + 2d].
 */
export function wordStates(model: Model, weights: Weights): StateReader {
  return {
    per: 'word',
    width: 1 + model.sizes.embedding + model.sizes.hidden,
    read: (batch) => {
      const { layers } = model.states(inputsOf(batch, 'teacher'), { dropout: null })(weights);
      const both = tf.concat([layers[0]!, layers.at(-1)!], 1); // [pieces, 2d]
      const alignment = batch.alignment!;
      const pieces = Int32Array.from(alignment.keys()).filter((piece) => alignment[piece]! >= 0);
      const count = inputsOf(batch, 'student').ids.length;
      const counts = new Float32Array(count);
      for (const piece of pieces) counts[alignment[piece]!]! += 1;
      const isRead = tf.tensor2d(
        counts.map((pieces) => Math.min(pieces, 1)),
        [count, 1],
      );
      if (pieces.length === 0) return tf.zeros([count, 1 + both.shape[1]!]);
      const wordOfPiece = tf.tensor1d(
        pieces.map((piece) => alignment[piece]!),
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
export function rowOffsets({ rows, inputs }: Examples, per: 'example' | 'word'): Int32Array {
  return per === 'word'
    ? inputs.student!.offsets
    : Int32Array.from({ length: rows.length + 1 }, (_, position) => position);
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
