import type { Checked, Problem, RunSpec } from '../../contract/run-spec';
import { initialEmbedding, readWordVectors, type WordVectors } from '../data/embeddings';
import type { LoadedModel } from '../models/model';
import { type ModelFiles, readText } from '../models/model-files';
import { initialiseTransformer } from '../models/transformer/architecture';
import { bertConfig } from '../models/transformer/families/bert';
import { readTransformer, type StoredTransformer } from '../models/transformer/folder';
import { transformerModel } from '../models/transformer/model';
import { initialiseBilstm } from '../models/word/bilstm';
import { bilstmModel } from '../models/word/model';
import { randomStream } from '../numeric/random';
import {
  createTokenizer,
  type WordPieceTokenizer,
  wordPieceEncoder,
  wordVocabularyFile,
} from '../tokenizers/tokenizer';
import { countWords, wordVocabulary } from '../tokenizers/words';

/**
 * A new BiLSTM student: its vocabulary from the train texts, its word embedding from vectors if there are any.
 *
 * @param vectorsFile path of vectors in GloVe's format; null: a random embedding.
 */
export async function newBilstm(
  { parameters, seed }: RunSpec,
  vectorsFile: string | null,
  classes: readonly string[],
  trainTexts: readonly string[],
): Promise<Checked<LoadedModel>> {
  const { embeddingSize, minWordCount, studentUnits, studentDropout, studentPooling, attentionUnits } = parameters;
  const counts = countWords(trainTexts);
  let vectors: WordVectors | null = null;
  if (vectorsFile !== null) {
    const read = await readWordVectors(vectorsFile, counts, embeddingSize);
    if (read.kind === 'invalid') return read;
    vectors = read.value;
  }
  const vocabulary = wordVocabulary(counts, vectors, minWordCount);
  const values = initialEmbedding(vocabulary, vectors, embeddingSize, randomStream(seed, 'embedding'));
  const config = {
    units: studentUnits,
    embedding: embeddingSize,
    classes: classes.length,
    attentionUnits: studentPooling === 'attention' ? (attentionUnits ?? studentUnits) : null,
  };
  const known = vectors && vocabulary.filter((word) => vectors.has(word)).length;
  return {
    kind: 'valid',
    value: {
      model: bilstmModel({ config, classes, vocabulary, parameters, dropoutRate: studentDropout }),
      weights: initialiseBilstm(config, { values, size: embeddingSize }, randomStream(seed, 'student')),
      isTrained: false,
      notes: known === null ? [] : [`${known} of the student's ${vocabulary.length - 2} words have a given vector`],
    },
  };
}

/**
 * The transformer that is the teacher of a run.
 *
 * @param files null for a random one, whose vocabulary is the words of the train texts
 */
export async function loadTeacher(
  spec: RunSpec,
  files: ModelFiles | null,
  classes: readonly string[],
  trainTexts: readonly string[],
): Promise<Checked<LoadedModel>> {
  const random = randomStream(spec.seed, 'teacher');
  const [tokenizer, stored] =
    files === null ? randomTransformer(spec, classes, trainTexts) : await storedTransformer(files, classes, random);
  // The path is that of the definition; the messages name the file and the field or tensor in it.
  const problems: Problem[] = [tokenizer, stored].flatMap((part) =>
    part.kind === 'invalid' ? part.problems.map(({ message }) => ({ path: 'teacher', message })) : [],
  );
  if (tokenizer.kind === 'invalid' || stored.kind === 'invalid') return { kind: 'invalid', problems };
  const { config, weights, hasTrainedHead, notes } = stored.value;
  const model = transformerModel({
    config,
    classes,
    encoder: wordPieceEncoder(tokenizer.value, spec.parameters.maxTokens),
    tokenizerFiles: { ...tokenizer.value.files },
    dropoutRate: spec.parameters.teacherDropout,
    loraScale: 1,
  });
  return { kind: 'valid', value: { model, weights, isTrained: hasTrainedHead, notes } };
}

type Parts = [Checked<WordPieceTokenizer>, Checked<StoredTransformer>];

function randomTransformer(
  { teacher, parameters, seed }: RunSpec,
  classes: readonly string[],
  trainTexts: readonly string[],
): Parts {
  if (teacher?.kind !== 'random') throw new Error('only a random teacher comes without files');
  const vocabulary = wordVocabularyFile(trainTexts, parameters.minWordCount);
  const tokenizer = createTokenizer(
    { 'vocab.txt': vocabulary, 'tokenizer.json': null, 'tokenizer_config.json': null },
    null,
  );
  if (tokenizer.kind === 'invalid') return [tokenizer, tokenizer];
  const { layers, hidden, heads, intermediate } = teacher;
  const config = {
    ...bertConfig({ layers, hidden, heads, intermediate, vocabularySize: tokenizer.value.vocabularySize }),
    // BERT-base's 0.02 at its width of 768. A narrow encoder drawn so small lets hardly a token through, and does not learn.
    initializerRange: 0.02 * Math.sqrt(768 / hidden),
  };
  const weights = initialiseTransformer(config, classes.length, randomStream(seed, 'teacher'));
  const notes = ['the teacher started from random weights'];
  return [tokenizer, { kind: 'valid', value: { config, weights, hasTrainedHead: false, notes } }];
}

async function storedTransformer(
  files: ModelFiles,
  classes: readonly string[],
  random: ReturnType<typeof randomStream>,
): Promise<Parts> {
  const stored = await readTransformer(files, classes, random);
  const tokenizer = createTokenizer(
    {
      'vocab.txt': await readText(files, 'vocab.txt'),
      'tokenizer.json': await readText(files, 'tokenizer.json'),
      'tokenizer_config.json': await readText(files, 'tokenizer_config.json'),
    },
    stored.kind === 'valid' ? stored.value.config.vocabularySize : null,
  );
  return [tokenizer, stored];
}
