import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { Checked, Problem } from '../../contract/run-spec';
import { float32Values, readSafetensors, type StoredTensor, writeSafetensors } from '../checkpoint/safetensors';
import type { RandomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { type BertConfig, bertShapes, initialiseBertWeight } from './bert-config';
import { formatHuggingFaceConfig, parseHuggingFaceConfig } from './hugging-face-config';

export interface Teacher {
  config: BertConfig;
  /** Float32, by the names of `bertShapes`; the caller disposes of them. */
  weights: Weights;
  /** Whether pooler and classifier were stored, not drawn: the scores of a drawn head mean nothing. */
  hasTrainedHead: boolean;
  /** What a reader of the result must know: a pooler that was initialised, tensors that were not used. */
  notes: string[];
}

/** Parts that a pre-trained encoder may come without; both tensors of a part are drawn anew then. */
const replaceableParts = ['pooler.dense', 'classifier'];

/** The files of a Hugging Face folder, wherever they are. */
export interface ModelFiles {
  /** Their place, for messages. */
  location: string;
  /** null where there is no such file. */
  read(file: string): Promise<Uint8Array | null>;
}

/** A folder of this machine. */
export const localFolder = (location: string): ModelFiles => ({
  location,
  read: (file) =>
    readFile(join(location, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
      throw error;
    }),
});

/** As `readTeacher`, from a folder of this machine. */
export const loadTeacher = (
  folder: string,
  classes: readonly string[],
  random: RandomStream,
): Promise<Checked<Teacher>> => readTeacher(localFolder(folder), classes, random);

/**
 * Loads a BERT encoder from a Hugging Face folder (`config.json`, `model.safetensors`). Names may have the prefix `bert.`, and
 * layer norms the old names gamma and beta. A missing pooler or classifier is initialised and noted.
 *
 * @param classes names of the classes in the order of the logits
 * @param random draws what is missing
 * @returns all problems at once: any other tensor that is missing, of another shape or not a floating-point one, a
 *   classifier of other classes, a config that asks for what is not computed here
 */
export async function readTeacher(
  files: ModelFiles,
  classes: readonly string[],
  random: RandomStream,
): Promise<Checked<Teacher>> {
  const configFile = join(files.location, 'config.json');
  const weightsFile = join(files.location, 'model.safetensors');
  const [configBytes, weightsBytes] = await Promise.all([
    readBytes(files, 'config.json'),
    readBytes(files, 'model.safetensors'),
  ]);
  const unreadable = [configBytes, weightsBytes].filter((read) => typeof read === 'string');
  if (typeof configBytes === 'string' || typeof weightsBytes === 'string')
    return { kind: 'invalid', problems: unreadable.map((message) => ({ path: 'teacher.location', message })) };

  const parsedConfig = parseHuggingFaceConfig(new TextDecoder().decode(configBytes), configFile);
  const parsedWeights = readSafetensors(weightsBytes, weightsFile);
  const problems = [parsedConfig, parsedWeights].flatMap((parsed) =>
    parsed.kind === 'invalid' ? parsed.problems : [],
  );
  if (parsedConfig.kind === 'invalid' || parsedWeights.kind === 'invalid') return { kind: 'invalid', problems };

  const { config, labels } = parsedConfig.value;
  const { stored, unused } = bertTensors(parsedWeights.value.tensors, config, classes.length);
  const shapes = bertShapes(config, classes.length);
  const initialised = replaceableParts.filter((part) => !stored.has(`${part}.weight`) && !stored.has(`${part}.bias`));
  const isInitialised = (name: string) => initialised.some((part) => name.startsWith(`${part}.`));
  const values: Record<string, Float32Array> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    if (isInitialised(name)) continue;
    const found = valuesOf(stored.get(name), shape);
    if (typeof found === 'string') problems.push({ path: name, message: `${weightsFile}: tensor "${name}" ${found}` });
    else values[name] = found;
  }
  if (!isInitialised('classifier.weight')) problems.push(...labelProblems(labels, classes, configFile));
  if (problems.length > 0) return { kind: 'invalid', problems };

  const weights = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      isInitialised(name) ? initialiseBertWeight(name, shape, config, random) : tf.tensor(values[name]!, [...shape]),
    ]),
  );
  const notes = initialised.map((part) => `the teacher's ${part} was not in ${weightsFile} and was initialised`);
  if (unused.length > 0) notes.push(`tensors of ${weightsFile} that were not used: ${unused.join(', ')}`);
  return { kind: 'valid', value: { config, weights, hasTrainedHead: initialised.length === 0, notes } };
}

/** The bytes of a file, or why there are none. */
async function readBytes(files: ModelFiles, name: string): Promise<Uint8Array | string> {
  const file = join(files.location, name);
  try {
    const missing = `${file} does not exist: a teacher is a folder with config.json, model.safetensors and its vocabulary`;
    return (await files.read(name)) ?? missing;
  } catch (error) {
    return `${file} cannot be read: ${(error as Error).message}`;
  }
}

/** Stored tensors by their names without `bert.`, and the names of those that belong to no part of the model. */
function bertTensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  config: BertConfig,
  classes: number,
): { stored: Map<string, StoredTensor>; unused: string[] } {
  const known = bertShapes(config, classes);
  const stored = new Map<string, StoredTensor>();
  const unused: string[] = [];
  for (const [fileName, tensor] of tensors) {
    const name = fileName
      .replace(/^bert\./, '')
      .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
      .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
    if (name in known) stored.set(name, tensor);
    else if (!name.endsWith('position_ids')) unused.push(fileName);
  }
  return { stored, unused };
}

/** The values of a stored tensor, or what is wrong with it. */
function valuesOf(tensor: StoredTensor | undefined, shape: readonly number[]): Float32Array | string {
  if (tensor === undefined) return `is missing; [${shape}] was expected: is this the config.json of these weights?`;
  if (!tf.util.arraysEqual(tensor.shape, [...shape]))
    return `has shape [${tensor.shape}], [${shape}] was expected by config.json and the classes of the data`;
  const values = float32Values(tensor);
  if (values === null) return `has type ${tensor.dtype}; F32, F16 or BF16 was expected`;
  if (!areFinite(values)) return 'holds NaN or infinity: it comes from a training that failed; take another checkpoint';
  return values;
}

/**
 * Without a branch for each of a hundred million weights: 0 times any number is 0, 0 times any other is NaN. Four sums, since an
 * addition waits for the one before.
 */
function areFinite(values: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    a += 0 * values[i]!;
    b += 0 * values[i + 1]!;
    c += 0 * values[i + 2]!;
    d += 0 * values[i + 3]!;
  }
  for (let i = whole; i < values.length; i++) a += 0 * values[i]!;
  return a + b + c + d === 0;
}

/** A classifier that knows the same classes in another order would be wrong in silence. */
function labelProblems(labels: string[] | null, classes: readonly string[], file: string): Problem[] {
  const sameSet = labels?.length === classes.length && labels.every((label) => classes.includes(label));
  if (!labels || !sameSet || labels.every((label, index) => label === classes[index])) return [];
  return [
    {
      path: 'id2label',
      message: `${file}: the classifier's classes are ${labels.join(', ')}, the data's ${classes.join(', ')}: set data.classes to the classifier's order`,
    },
  ];
}

/**
 * A teacher as the files of a Hugging Face folder (`BertForSequenceClassification`); the vocabulary is the caller's to copy.
 *
 * @param weights by the names of `bertShapes`; merge LoRA and DoRA first (`mergeLora`)
 * @throws Error where a weight is missing
 */
export async function exportTeacher(
  weights: Weights,
  config: BertConfig,
  classes: readonly string[],
): Promise<Record<'config.json' | 'model.safetensors', Uint8Array>> {
  const tensors: Record<string, { shape: readonly number[]; values: Float32Array }> = {};
  for (const [name, shape] of Object.entries(bertShapes(config, classes.length))) {
    const weight = weights[name];
    if (weight === undefined) throw new Error(`cannot export a teacher without its weight ${name}`);
    const stored = name.startsWith('classifier.') ? name : `bert.${name}`;
    tensors[stored] = { shape, values: (await weight.data<'float32'>()) as Float32Array };
  }
  return {
    'config.json': new TextEncoder().encode(formatHuggingFaceConfig(config, classes)),
    'model.safetensors': writeSafetensors(tensors, { format: 'pt' }),
  };
}
