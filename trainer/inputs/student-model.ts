import type { Checked, RunSpec } from '../../contract/run-spec';
import type { Batch } from '../data/batch';
import { initialEmbedding, readWordVectors, type WordVectors } from '../data/embeddings';
import type { Classifier, StudentReader } from '../methods/method';
import {
  bilstmLogits,
  bilstmStates,
  dropoutMasks,
  embeddingName,
  initialiseBilstm,
  withoutTrainingOnly,
} from '../models/bilstm';
import { packWeights } from '../models/weights-file';
import { type RandomStream, randomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { countWords, type WordVocabulary, wordVocabulary } from '../tokenizers/words';

/** A student as a run uses it. */
export interface StudentModel {
  vocabulary: WordVocabulary;
  /** What learns, to begin with: all but the word embedding where that is frozen. */
  learning: Weights;
  classifier: Classifier;
  /** As the classifier, with the states that lead to its logits. */
  states: StudentReader;
  /** Width of the state that the dense layer reads. */
  stateSize: number;
  notes: string[];
  /** The files of the trained student. */
  exportFiles(learnt: Weights): Promise<Record<string, Uint8Array | string>>;
}

/**
 * Makes the student of a run: its vocabulary from the train texts, its embedding from vectors where there are any.
 *
 * @param vectorsFile path of vectors in GloVe's format; null: a random embedding.
 */
export async function buildStudent(
  { parameters, seed }: RunSpec,
  vectorsFile: string | null,
  classes: readonly string[],
  trainTexts: readonly string[],
): Promise<Checked<StudentModel>> {
  const { embeddingSize, minWordCount, studentUnits, embeddingTrainable, studentDropout } = parameters;
  const counts = countWords(trainTexts);
  let vectors: WordVectors | null = null;
  if (vectorsFile !== null) {
    const read = await readWordVectors(vectorsFile, counts, embeddingSize);
    if (read.kind === 'invalid') return read;
    vectors = read.value;
  }
  const vocabulary = wordVocabulary(counts, vectors, minWordCount);
  const values = initialEmbedding(vocabulary, vectors, embeddingSize, randomStream(seed, 'embedding'));
  const { studentPooling, attentionUnits } = parameters;
  const architecture = {
    units: studentUnits,
    classes: classes.length,
    attentionUnits: studentPooling === 'attention' ? (attentionUnits ?? studentUnits) : null,
  };
  const weights = initialiseBilstm(architecture, { values, size: embeddingSize }, randomStream(seed, 'student'));
  const { [embeddingName]: embedding, ...rest } = weights;
  const frozen: Weights = embeddingTrainable ? {} : { [embeddingName]: embedding! };
  // Of `weights` only the shapes are read, which outlive the tensors.
  const masksOf = (batch: Batch, dropout: RandomStream | null) =>
    dropout && dropoutMasks(weights, batch.words!, studentDropout, dropout);
  const known = vectors && vocabulary.filter((word) => vectors.has(word)).length;
  return {
    kind: 'valid',
    value: {
      vocabulary,
      learning: embeddingTrainable ? weights : rest,
      classifier: (batch, dropout) => {
        const masks = masksOf(batch, dropout);
        return (learnt) => bilstmLogits({ ...frozen, ...learnt }, batch.words!, masks);
      },
      states: (batch, dropout) => {
        const masks = masksOf(batch, dropout);
        return (learnt) => bilstmStates({ ...frozen, ...learnt }, batch.words!, masks);
      },
      stateSize: 2 * studentUnits,
      notes: known === null ? [] : [`${known} of the student's ${vocabulary.length - 2} words have a given vector`],
      exportFiles: async (learnt) => ({
        'student.safetensors': await packWeights({ ...frozen, ...withoutTrainingOnly(learnt) }),
        'vocabulary.txt': `${vocabulary.join('\n')}\n`,
        'config.json': `${JSON.stringify({ model: 'bilstm', classes, parameters }, null, 2)}\n`,
      }),
    },
  };
}
