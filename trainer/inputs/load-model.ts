import type { Checked, ModelSource, Problem, RunSpec } from '../../contract/run-spec';
import type { Role } from '../data/batch';
import { initialEmbedding, readWordVectors } from '../data/embeddings';
import type { LoadedModel } from '../models/model';
import { type ModelFiles, readText } from '../models/model-files';
import { keepZeros, readSparseMatrices } from '../models/sparse';
import { initialiseTransformer } from '../models/transformer/architecture';
import { bertConfig } from '../models/transformer/families/bert';
import { readTransformer, type StoredTransformer } from '../models/transformer/folder';
import { transformerModel } from '../models/transformer/model';
import { bilstmConfigOf, initialiseBilstm } from '../models/word/bilstm';
import { isBilstm, readBilstm, tensorsOf } from '../models/word/folder';
import { bilstmModel } from '../models/word/model';
import { randomStream } from '../numeric/random';
import {
  createTokenizer,
  type WordPieceTokenizer,
  wordPieceEncoder,
  wordVocabularyFile,
} from '../tokenizers/tokenizer';
import { countWords, type WordVectors, wordVocabulary } from '../tokenizers/words';
import type { LocatedModel } from './locate-model';

/**
 * A new BiLSTM student: its vocabulary from the train texts, its word embedding from vectors if there are any.
 *
 * @param vectorsFile path of vectors in GloVe's format; null: a random embedding.
 */
async function newBilstm(
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
      sparseMatrices: [],
      notes: known === null ? [] : [`${known} of the student's ${vocabulary.length - 2} words have a given vector`],
    },
  };
}

/** A model of a run, new or read from files. @returns what is wrong, by the path of its source in the definition */
export async function loadModel(
  role: Role,
  source: ModelSource,
  located: Pick<LocatedModel, 'files' | 'vectorsFile'>,
  spec: RunSpec,
  classes: readonly string[],
  trainTexts: readonly string[],
): Promise<Checked<LoadedModel>> {
  const loaded = await loadDense(role, source, located, spec, classes, trainTexts);
  if (loaded.kind === 'invalid' || located.files === null) return loaded;
  const sparse = await readSparseMatrices(located.files);
  if (sparse.kind === 'invalid')
    return { kind: 'invalid', problems: sparse.problems.map(({ message }) => ({ path: role, message })) };
  const { model, weights } = loaded.value;
  const kept = keepZeros(model, weights, sparse.value);
  return { kind: 'valid', value: { ...loaded.value, model: kept, sparseMatrices: sparse.value } };
}

async function loadDense(
  role: Role,
  source: ModelSource,
  { files, vectorsFile }: Pick<LocatedModel, 'files' | 'vectorsFile'>,
  spec: RunSpec,
  classes: readonly string[],
  trainTexts: readonly string[],
): Promise<Checked<LoadedModel>> {
  if (source.kind === 'bilstm') return newBilstm(spec, vectorsFile, classes, trainTexts);
  const random = randomStream(spec.seed, role);
  const { studentDropout, teacherDropout, maxTokens } = spec.parameters;
  const dropoutRate = role === 'student' ? studentDropout : teacherDropout;
  if (files !== null && (await isBilstm(files))) return storedBilstm(role, files, spec, dropoutRate, classes);
  const [tokenizer, stored] =
    source.kind === 'random'
      ? randomTransformer(role, source, spec, classes, trainTexts)
      : await storedTransformer(filesOf(files), classes, random);
  // The path is that of the definition; the messages name the file and the field or tensor in it.
  const problems: Problem[] = [tokenizer, stored].flatMap((part) =>
    part.kind === 'invalid' ? part.problems.map(({ message }) => ({ path: role, message })) : [],
  );
  if (tokenizer.kind === 'invalid' || stored.kind === 'invalid') return { kind: 'invalid', problems };
  const { config, weights, hasTrainedHead, notes } = stored.value;
  const model = transformerModel({
    config,
    classes,
    encoder: wordPieceEncoder(tokenizer.value, maxTokens),
    tokenizerFiles: { ...tokenizer.value.files },
    dropoutRate,
    loraScale: 1,
  });
  return { kind: 'valid', value: { model, weights, isTrained: hasTrainedHead, sparseMatrices: [], notes } };
}

function filesOf(files: ModelFiles | null): ModelFiles {
  if (files === null) throw new Error('a model that is neither new nor random is loaded from files');
  return files;
}

/** A BiLSTM that was trained before, with the sizes and the vocabulary it has. */
async function storedBilstm(
  role: Role,
  files: ModelFiles,
  { parameters: { preprocessing, maxWords } }: RunSpec,
  dropoutRate: number,
  classes: readonly string[],
): Promise<Checked<LoadedModel>> {
  const invalid = (message: string): Checked<never> => ({ kind: 'invalid', problems: [{ path: role, message }] });
  const stored = await readBilstm(files);
  if (stored.kind === 'invalid')
    return { kind: 'invalid', problems: stored.problems.map(({ message }) => ({ path: role, message })) };
  if (JSON.stringify(stored.value.classes) !== JSON.stringify(classes))
    return invalid(
      `${files.location}: the model's classes are ${stored.value.classes.join(', ')}, the data's ${classes.join(', ')}: set data.classes to the model's`,
    );
  const weights = tensorsOf(stored.value);
  const model = bilstmModel({
    config: bilstmConfigOf(weights),
    classes,
    vocabulary: stored.value.vocabulary,
    parameters: { preprocessing, maxWords },
    dropoutRate,
  });
  return { kind: 'valid', value: { model, weights, isTrained: true, sparseMatrices: [], notes: [] } };
}

type Parts = [Checked<WordPieceTokenizer>, Checked<StoredTransformer>];

function randomTransformer(
  role: Role,
  { layers, hidden, heads, intermediate }: Extract<ModelSource, { kind: 'random' }>,
  { parameters, seed }: RunSpec,
  classes: readonly string[],
  trainTexts: readonly string[],
): Parts {
  const vocabulary = wordVocabularyFile(trainTexts, parameters.minWordCount);
  const tokenizer = createTokenizer(
    { 'vocab.txt': vocabulary, 'tokenizer.json': null, 'tokenizer_config.json': null },
    null,
  );
  if (tokenizer.kind === 'invalid') return [tokenizer, tokenizer];
  const config = {
    ...bertConfig({ layers, hidden, heads, intermediate, vocabularySize: tokenizer.value.vocabularySize }),
    // BERT-base's 0.02 at its width of 768. A narrow encoder drawn so small lets hardly a token through, and does not learn.
    initializerRange: 0.02 * Math.sqrt(768 / hidden),
  };
  const weights = initialiseTransformer(config, classes.length, randomStream(seed, role));
  const notes = [`the ${role} started from random weights`];
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
