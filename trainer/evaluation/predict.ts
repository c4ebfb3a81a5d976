import { setImmediate as nextTurn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../data/batch';
import type { Classifier } from '../models/model';
import type { Weights } from '../numeric/weights';
import { withinMemory } from './batch-memory';

/** What a model said of every row of a split. */
export interface Predictions {
  /** Row of each example in the file it was read from, [n]. */
  rows: Int32Array;
  /** True class, [n]. */
  labels: Int32Array;
  /** [n, classes], row by row. */
  logits: Float32Array;
}

/**
 * What a model in evaluation mode says of every example, in the order of their rows whatever the order of the batches.
 * Between batches the event loop gets its turn.
 *
 * @returns null where `signal` was aborted before the last batch.
 */
export async function predict(
  classifier: Classifier,
  weights: Weights,
  batches: readonly Batch[],
  signal: AbortSignal,
): Promise<Predictions | null> {
  const parts: Float32Array[] = [];
  for (const batch of batches) {
    await nextTurn();
    if (signal.aborted) return null;
    const logits = withinMemory(batch, null, () => tf.tidy(() => classifier(batch, null)(weights))); // [b, c]
    parts.push((await logits.data()) as Float32Array);
    logits.dispose();
  }
  return inRowOrder(batches, parts);
}

function inRowOrder(batches: readonly Batch[], parts: readonly Float32Array[]): Predictions {
  const examples = batches.flatMap(({ rows, labels }, part) => {
    const width = parts[part]!.length / rows.length;
    return Array.from(rows, (row, i) => ({
      row,
      label: labels[i]!,
      logits: parts[part]!.subarray(i * width, (i + 1) * width),
    }));
  });
  examples.sort((a, b) => a.row - b.row);
  const width = examples[0]?.logits.length ?? 0;
  const logits = new Float32Array(examples.length * width);
  examples.forEach((example, i) => {
    logits.set(example.logits, i * width);
  });
  return {
    rows: Int32Array.from(examples, ({ row }) => row),
    labels: Int32Array.from(examples, ({ label }) => label),
    logits,
  };
}
