import * as tf from '@tensorflow/tfjs-core';
import { batchOf, evaluationOrder } from '../data/batches';
import { indexOfLargest } from '../evaluation/evaluate';
import { predict } from '../evaluation/predict';
import { inputsOf } from '../models/model';
import { bilstmLogits } from '../models/word/bilstm';
import { type StoredBilstm, tensorsOf } from '../models/word/folder';
import { encodeTexts } from '../tokenizers/encoder';
import { preprocess } from '../tokenizers/preprocess';
import { wordEncoder } from '../tokenizers/words';

/** Texts a forward pass. */
const batchSize = 64;

export interface Prediction {
  class: string;
  /** By class; they add up to 1. */
  probabilities: Record<string, number>;
}

/** What a student says of texts, as they were before any preprocessing. An engine must have been started. */
export async function classify(student: StoredBilstm, texts: readonly string[]): Promise<Prediction[]> {
  const { classes } = student;
  const logits = await studentLogits(student, texts);
  return texts.map((_, row) => {
    const ofRow = logits.subarray(row * classes.length, (row + 1) * classes.length);
    const probabilities = softmax(ofRow);
    return {
      class: classes[indexOfLargest(ofRow)]!,
      probabilities: Object.fromEntries(classes.map((name, place) => [name, probabilities[place]!])),
    };
  });
}

/** [texts, classes], row by row: as the run computed those that it stored. */
export async function studentLogits(student: StoredBilstm, texts: readonly string[]): Promise<Float32Array> {
  const { reading, vocabulary } = student;
  const cleaned = texts.map((text) => preprocess(text, reading.preprocessing));
  const examples = {
    rows: Int32Array.from(texts.keys()),
    labels: new Int32Array(texts.length),
    inputs: { student: encodeTexts(wordEncoder(vocabulary, reading.maxWords), cleaned), teacher: null },
  };
  const weights = tensorsOf(student);
  const batches = evaluationOrder(examples, batchSize).map((positions) => batchOf(examples, positions));
  const classifier = (batch: (typeof batches)[number]) => (given: typeof weights) =>
    bilstmLogits(given, inputsOf(batch, 'student'));
  const predictions = await predict(classifier, weights, batches, new AbortController().signal);
  tf.dispose(weights);
  return predictions!.logits;
}

/** In float64, from the float32 logits. */
function softmax(logits: Float32Array): number[] {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
