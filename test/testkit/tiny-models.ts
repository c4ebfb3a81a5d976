import type { Batch, Sequences } from '../../trainer/batch';
import type { Classifier } from '../../trainer/methods/method';
import { bertLogits } from '../../trainer/models/bert';
import { type BertConfig, bertConfig, initialiseBert } from '../../trainer/models/bert-config';
import { bilstmLogits, dropoutMasks, initialiseBilstm } from '../../trainer/models/bilstm';
import type { Weights } from '../../trainer/models/weights';
import { randomStream } from '../../trainer/random';
import { redrawn } from './tensors';

const [classes, vocabulary] = [3, 12];
export const tinyBert: BertConfig = {
  ...bertConfig({ vocabularySize: vocabulary, hidden: 4, layers: 2, heads: 2, intermediate: 6 }),
  maxPositions: 8,
};

/** All weights of a teacher of `tinyBert`'s size, no bias 0 and no layer norm trivial. */
export const tinyTeacherWeights = (): Weights => redrawn(initialiseBert(tinyBert, classes, randomStream(0)), 0.7);

/** A teacher whose learning weights are given; `frozen` holds the rest. */
export const tinyTeacher =
  (frozen: Weights = {}, loraScale = 1): Classifier =>
  (batch, dropout) =>
  (weights) =>
    bertLogits({ ...frozen, ...weights }, tinyBert, batch.tokens!, {
      loraScale,
      dropout: dropout && { rate: 0.1, random: dropout.substream('masks') },
    });

const student = { units: 2, classes };
const embeddingSize = 2;
const initialStudent = () =>
  initialiseBilstm(
    student,
    { values: new Float32Array(vocabulary * embeddingSize), size: embeddingSize },
    randomStream(0),
  );

export const tinyStudentWeights = (): Weights => redrawn(initialStudent(), 0.7);

/** A BiLSTM of two units (even numbers: TensorFlow warns of odd ones); `rate` is its dropout. */
export const tinyStudent =
  (rate = 0): Classifier =>
  (batch, dropout) => {
    const masks = dropout && dropoutMasks(initialStudent(), batch.words!, rate, dropout);
    return (weights) => bilstmLogits(weights, batch.words!, masks);
  };

const sequencesOf = (lists: readonly (readonly number[])[]): Sequences => ({
  ids: Int32Array.from(lists.flat()),
  lengths: Int32Array.from(lists, ({ length }) => length),
});

/** A batch of word ids; the teacher reads the same ids as word pieces. */
export const batchOf = (examples: readonly (readonly number[])[], labels: readonly number[]): Batch => ({
  rows: Int32Array.from(labels, (_, row) => row),
  labels: Int32Array.from(labels),
  words: sequencesOf(examples),
  tokens: sequencesOf(examples),
});

/** The examples of a batch again, as lists of ids. */
export function examplesOf({ ids, lengths }: Sequences): number[][] {
  let from = 0;
  return Array.from(lengths, (length) => {
    from += length;
    return [...ids.subarray(from - length, from)];
  });
}
