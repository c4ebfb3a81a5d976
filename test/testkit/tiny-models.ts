import * as tf from '@tensorflow/tfjs-core';
import type { MethodName } from '../../contract/methods';
import type { Batch } from '../../trainer/data/batch';
import type { HintSetting } from '../../trainer/methods/method';
import { type Classifier, inputsOf, type Model } from '../../trainer/models/model';
import { initialiseTransformer, type TransformerConfig } from '../../trainer/models/transformer/architecture';
import { bertConfig } from '../../trainer/models/transformer/families/bert';
import { transformerLogits } from '../../trainer/models/transformer/forward';
import { transformerModel } from '../../trainer/models/transformer/model';
import { bilstmLogits, bilstmStates, dropoutMasks, initialiseBilstm } from '../../trainer/models/word/bilstm';
import { randomStream } from '../../trainer/numeric/random';
import type { Weights } from '../../trainer/numeric/weights';
import type { Sequences } from '../../trainer/tokenizers/sequences';
import { redrawn } from './tensors';

const [classes, vocabulary] = [3, 12];
export const tinyBert: TransformerConfig = {
  ...bertConfig({ vocabularySize: vocabulary, hidden: 4, layers: 2, heads: 2, intermediate: 6 }),
  maxPositions: 8,
};

/** A model of that architecture. It reads ids alone: its encoder is never asked. */
export const tinyTransformer: Model = transformerModel({
  config: tinyBert,
  classes: ['a', 'b', 'c'],
  encoder: { encode: () => [], encodeWords: () => ({ ids: [], wordOf: [] }) },
  tokenizerFiles: {},
  dropoutRate: 0.1,
  loraScale: 1,
});

/** All weights of a teacher of `tinyBert`'s size, no bias 0 and no layer norm trivial. */
export const tinyTeacherWeights = (): Weights =>
  redrawn(initialiseTransformer(tinyBert, classes, randomStream(0)), 0.7);

/** A teacher whose learning weights are given; `frozen` holds the rest. */
export const tinyTeacher =
  (frozen: Weights = {}, loraScale = 1): Classifier =>
  (batch, dropout) =>
  (weights) =>
    transformerLogits({ ...frozen, ...weights }, tinyBert, inputsOf(batch, 'teacher'), {
      loraScale,
      dropout: dropout && { rate: 0.1, random: dropout.substream('masks') },
    });

const student = { units: 2, classes };
const embeddingSize = 2;
/** Widths that dropout masks are drawn for. */
const studentWidths = { words: embeddingSize, state: 2 * student.units };
const initialStudent = (attentionUnits: number | null = null) =>
  initialiseBilstm(
    { ...student, attentionUnits },
    { values: new Float32Array(vocabulary * embeddingSize), size: embeddingSize },
    randomStream(0),
  );

export const tinyStudentWeights = (): Weights => redrawn(initialStudent(), 0.7);

/** The same with an attention over the words, three wide. */
export const tinyAttentiveWeights = (): Weights => redrawn(initialStudent(3), 0.7);

/** What methods that imitate the inside of a teacher of `tinyBert`'s size are made with; `rate` is the student's dropout. */
export const tinyHints = (rate = 0, seed = 0): HintSetting => ({
  student: (batch, dropout) => {
    const masks = dropout && dropoutMasks(studentWidths, inputsOf(batch, 'student'), rate, dropout);
    return (weights) => bilstmStates(weights, inputsOf(batch, 'student'), masks);
  },
  sizes: {
    student: { layers: 1, embedding: embeddingSize, hidden: 2 * student.units, positions: null },
    teacher: { layers: tinyBert.layers, embedding: tinyBert.hidden, hidden: tinyBert.hidden, positions: 8 },
  },
  random: randomStream(seed, 'projections'),
});

/** Made-up hints of the shapes that a method reads on a batch; the teacher reads every other word. */
export function tinyTeacherHints(method: MethodName, { inputs, labels }: Batch): Record<string, tf.Tensor2D> | null {
  const words = inputs.student;
  const random = randomStream(words!.ids.length, 'hints');
  const { hidden } = tinyBert;
  const drawn = (rows: number, width: number) =>
    Array.from({ length: rows }, () => Array.from(random.fillNormal(new Float32Array(width))));
  const [examples, pieces] = [labels.length, words!.ids.length];
  switch (method) {
    case 'pkd':
      return { 'summary.1': tf.tensor2d(drawn(examples, hidden)) };
    case 'distilbert':
      return { 'summary.2': tf.tensor2d(drawn(examples, hidden)) };
    case 'tinybert': {
      const rows = drawn(pieces, 2 * hidden).map((row, word) => (word % 2 ? row.map(() => 0) : row));
      return {
        isRead: tf.tensor2d(rows.map((_, word) => [1 - (word % 2)])),
        'states.0': tf.tensor2d(rows.map((row) => row.slice(0, hidden))),
        'states.2': tf.tensor2d(rows.map((row) => row.slice(hidden))),
      };
    }
    case 'dixtill':
      return { attributions: tf.tensor2d(drawn(pieces, 1)) };
    default:
      return null;
  }
}

/** A BiLSTM of two units (even numbers: TensorFlow warns of odd ones); `rate` is its dropout. */
export const tinyStudent =
  (rate = 0): Classifier =>
  (batch, dropout) => {
    const masks = dropout && dropoutMasks(studentWidths, inputsOf(batch, 'student'), rate, dropout);
    return (weights) => bilstmLogits(weights, inputsOf(batch, 'student'), masks);
  };

const sequencesOf = (lists: readonly (readonly number[])[]): Sequences => ({
  ids: Int32Array.from(lists.flat()),
  lengths: Int32Array.from(lists, ({ length }) => length),
});

/** A batch of word ids; the teacher reads the same ids as word pieces. */
export const batchOf = (examples: readonly (readonly number[])[], labels: readonly number[]): Batch => ({
  rows: Int32Array.from(labels, (_, row) => row),
  labels: Int32Array.from(labels),
  inputs: { student: sequencesOf(examples), teacher: sequencesOf(examples) },
});

/** The examples of a batch again, as lists of ids. */
export function examplesOf({ ids, lengths }: Sequences): number[][] {
  let from = 0;
  return Array.from(lengths, (length) => {
    from += length;
    return [...ids.subarray(from - length, from)];
  });
}
