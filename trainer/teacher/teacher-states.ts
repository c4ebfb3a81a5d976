import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../data/batch';
import { batchOf, type Examples, evaluationOrder } from '../data/batches';
import { withinMemory } from '../evaluation/batch-memory';
import type { Hints } from '../methods/method';
import { inputsOf, type Model } from '../models/model';
import type { Weights } from '../numeric/weights';
import { selectRows } from '../ops/embedding';
import type { Outputs } from './kept-outputs';
import { evaluationBatchSize } from './teacher-logits';

/** Reads hints of one kind from the inside of a teacher in evaluation mode. */
export interface HintReader {
  /** Whether a row of a hint belongs to an example or to a word of the student. */
  per: 'example' | 'word';
  /** Width of each hint, by name. */
  widths: Readonly<Record<string, number>>;
  /** The hints of a batch, [rows, width] each. */
  read(batch: Batch): Hints;
}

/** The states that stand for an example after some layers, counted from 1: `summary.<layer>`. */
export function summaryReader(model: Model, weights: Weights, layers: readonly number[]): HintReader {
  const name = (layer: number) => `summary.${layer}`;
  return {
    per: 'example',
    widths: Object.fromEntries(layers.map((layer) => [name(layer), model.sizes.hidden])),
    read: (batch) => {
      const { summary } = model.states(inputsOf(batch, 'teacher'), { dropout: null })(weights);
      return Object.fromEntries(layers.map((layer) => [name(layer), summary(layer)]));
    },
  };
}

/**
 * By word of the student, the mean state of the word's tokens in some layers, 0 being the vectors that enter the first:
 * `states.<layer>`; and `isRead`, 1 or 0 for a word of which the teacher reads nothing.
 */
export function wordStateReader(model: Model, weights: Weights, layers: readonly number[]): HintReader {
  const name = (layer: number) => `states.${layer}`;
  const { embedding, hidden } = model.sizes;
  return {
    per: 'word',
    widths: {
      isRead: 1,
      ...Object.fromEntries(layers.map((layer) => [name(layer), layer === 0 ? embedding : hidden])),
    },
    read: (batch) => {
      const states = model.states(inputsOf(batch, 'teacher'), { dropout: null })(weights).layers;
      const words = wordMeans(batch);
      return {
        isRead: words.isRead,
        ...Object.fromEntries(layers.map((layer) => [name(layer), words.mean(states[layer]!)])),
      };
    },
  };
}

/** The words of a batch: whether the teacher reads any token of each, [n, 1], and the mean of states over its tokens, [n, d]. */
function wordMeans(batch: Batch): { isRead: Tensor2D; mean: (states: Tensor2D) => Tensor2D } {
  const alignment = batch.alignment!;
  const count = inputsOf(batch, 'student').ids.length;
  const tokens = Int32Array.from(alignment.keys()).filter((token) => alignment[token]! >= 0);
  const counts = new Float32Array(count);
  for (const token of tokens) counts[alignment[token]!]! += 1;
  const column = (values: Float32Array) => tf.tensor2d(values, [count, 1]);
  const isRead = column(counts.map((tokens) => Math.min(tokens, 1)));
  const divisors = column(counts.map((tokens) => Math.max(tokens, 1)));
  return {
    isRead,
    mean: (states) => {
      if (tokens.length === 0) return tf.zeros([count, states.shape[1]]);
      const wordOf = tf.tensor1d(
        tokens.map((token) => alignment[token]!),
        'int32',
      );
      const sums = tf.unsortedSegmentSum(selectRows(states, tokens), wordOf, count); // [n, d]
      return tf.div<Tensor2D>(sums, divisors);
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
 * The hints of all examples in their order, [rows, width] each.
 *
 * @param onProgress called with the number of examples that are done
 * @returns null if `signal` was aborted
 */
export async function readHints(
  reader: HintReader,
  examples: Examples,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<Outputs | null> {
  const offsets = rowOffsets(examples, reader.per);
  const rows = offsets.at(-1)!;
  const all = Object.entries(reader.widths).map(([name, width]) => ({
    name,
    width,
    values: new Float32Array(rows * width),
  }));
  let done = 0;
  for (const positions of evaluationOrder(examples, evaluationBatchSize)) {
    await nextTurn();
    if (signal.aborted) return null;
    const batch = batchOf(examples, positions);
    const hints = withinMemory(batch, null, () => tf.tidy(() => reader.read(batch) as Record<string, Tensor2D>));
    for (const { name, width, values } of all) {
      const ofBatch = (await hints[name]!.data()) as Float32Array;
      let from = 0;
      for (const position of positions) {
        const length = (offsets[position + 1]! - offsets[position]!) * width;
        values.set(ofBatch.subarray(from, from + length), offsets[position]! * width);
        from += length;
      }
    }
    tf.dispose(hints as Record<string, Tensor2D>);
    done += positions.length;
    onProgress(done);
  }
  return Object.fromEntries(all.map(({ name, values }) => [name, { rows, values }]));
}
