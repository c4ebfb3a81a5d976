import { setImmediate as nextTurn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../data/batch';
import { batchOf, type Examples, evaluationOrder } from '../data/batches';
import { withinMemory } from '../evaluation/batch-memory';
import { type EmbeddedClassifier, inputsOf } from '../models/model';
import { sequenceLength } from '../tokenizers/sequences';
import { integratedGradients } from './integrated-gradients';
import type { Outputs } from './kept-outputs';

/** Examples a pass. */
const batchSize = 64;
/** An example whose attributions do not sum up is done again with four times the steps, this often. */
const refinements = 2;
const refinement = 4;
/** Completeness: the sum of the attributions is F(x) - F(x') to 5 %, or to 0.001 where the two logits are nearly equal. */
const allowedShare = 0.05;
const allowedDifference = 1e-3;

/**
 * Integrated Gradients of every example, a word's being the mean over its word pieces (0 where the teacher reads none of
 * it), in the order of the examples: `attributions` a word; and an example's `errors`, the share of F(x) - F(x') by which its
 * attributions miss it, and `steps`.
 *
 * @param told how many examples are done
 * @returns null where `signal` was aborted
 */
export async function attributeExamples(
  classifier: EmbeddedClassifier,
  examples: Examples,
  steps: number,
  signal: AbortSignal,
  told: (done: number) => void,
): Promise<Outputs | null> {
  const count = examples.rows.length;
  const { offsets } = examples.inputs.student!;
  const attributions = new Float32Array(offsets[count]!);
  const errors = new Float32Array(count);
  const stepsTaken = new Float32Array(count);
  let open = evaluationOrder(examples, batchSize);
  for (let round = 0; round <= refinements && open.length > 0; round++) {
    const incomplete: number[] = [];
    const stepsOfRound = steps * refinement ** round;
    for (const positions of open) {
      await nextTurn();
      if (signal.aborted) return null;
      const batch = batchOf(examples, positions);
      const found = await attributeBatch(classifier, batch, stepsOfRound);
      let firstWord = 0;
      positions.forEach((position, i) => {
        const words = sequenceLength(examples.inputs.student!, position);
        attributions.set(found.words.subarray(firstWord, firstWord + words), offsets[position]!);
        firstWord += words;
        errors[position] = found.errors[i]!;
        stepsTaken[position] = stepsOfRound;
        if (!found.complete[i]) incomplete.push(position);
      });
      if (round === 0) told(stepsTaken.reduce((done, taken) => done + (taken > 0 ? 1 : 0), 0));
    }
    open = chunks(incomplete, batchSize);
  }
  return {
    attributions: { rows: attributions.length, values: attributions },
    errors: { rows: count, values: errors },
    steps: { rows: count, values: stepsTaken },
  };
}

async function attributeBatch(classifier: EmbeddedClassifier, batch: Batch, steps: number) {
  const inputs = inputsOf(batch, 'teacher');
  const found = withinMemory(batch, null, () => integratedGradients(classifier, inputs, steps));
  const tokens = (await found.tokens.data()) as Float32Array;
  const change = (await found.change.data()) as Float32Array;
  tf.dispose([found.tokens, found.change]);
  let end = 0;
  const misses = change.map((expected, i) => {
    end += inputs.lengths[i]!;
    return Math.abs(tokens.subarray(end - inputs.lengths[i]!, end).reduce((sum, value) => sum + value, 0) - expected);
  });
  return {
    words: meanByWord(tokens, batch.alignment!, inputsOf(batch, 'student').ids.length),
    errors: misses.map((miss, i) => (miss === 0 ? 0 : miss / Math.abs(change[i]!))),
    complete: Array.from(misses, (miss, i) => miss <= Math.max(allowedShare * Math.abs(change[i]!), allowedDifference)),
  };
}

/** Mean over the tokens of each word; 0 for a word that has none. */
export function meanByWord(tokens: Float32Array, alignment: Int32Array, words: number): Float32Array {
  const sums = new Float32Array(words);
  const counts = new Float32Array(words);
  alignment.forEach((word, token) => {
    if (word < 0) return;
    sums[word]! += tokens[token]!;
    counts[word]! += 1;
  });
  return sums.map((sum, word) => (counts[word] === 0 ? 0 : sum / counts[word]!));
}

/** For the reader of a result: how nearly attributions are complete, and at what cost. */
export function completenessNote({ errors, steps }: Outputs, wanted: number): string {
  const sorted = Float32Array.from(errors!.values).sort();
  const percent = (quantile: number) =>
    `${(100 * (sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))] ?? 0)).toPrecision(2)} %`;
  const refined = steps!.values.filter((taken) => taken > wanted).length;
  const above = sorted.filter((error) => error > allowedShare).length;
  return (
    `Integrated Gradients of ${sorted.length} train rows in ${wanted} steps: they miss F(x) - F(x') by ${percent(0.5)} at ` +
    `the median, ${percent(0.95)} at the 95th percentile, ${percent(1)} at most; ${refined} rows took up to ` +
    `${refinement ** refinements} times the steps, ${above} stayed above ${100 * allowedShare} %`
  );
}

const chunks = (positions: readonly number[], size: number): Int32Array[] =>
  Array.from({ length: Math.ceil(positions.length / size) }, (_, index) =>
    Int32Array.from(positions.slice(index * size, (index + 1) * size)),
  );
