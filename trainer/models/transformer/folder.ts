import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { Checked, Problem } from '../../../contract/run-spec';
import { float32Values, readSafetensors, type StoredTensor, writeSafetensors } from '../../checkpoint/safetensors';
import type { RandomStream } from '../../numeric/random';
import type { Weights } from '../../numeric/weights';
import { initialiseWeight } from '../initialise-weight';
import { localFolder, type ModelFiles } from '../model-files';
import { headModules, type TransformerConfig, transformerShapes } from './architecture';
import { formatConfigFile, parseConfigFile } from './config-file';
import { families } from './families';

/** A transformer read from files. */
export interface StoredTransformer {
  config: TransformerConfig;
  /** Float32, by the names of `transformerShapes`; the caller disposes of them. */
  weights: Weights;
  /** Whether pooler and classifier were stored, not drawn: the scores of a drawn head mean nothing. */
  hasTrainedHead: boolean;
  /** What a reader of the result should know: a pooler that was initialised, tensors that were not used. */
  notes: string[];
}

/** As `readTransformer`, from a folder of this machine. */
export const loadTransformer = (
  folder: string,
  classes: readonly string[],
  random: RandomStream,
): Promise<Checked<StoredTransformer>> => readTransformer(localFolder(folder), classes, random);

/**
 * Loads a transformer from a Hugging Face folder (`config.json`, `model.safetensors`). A missing pooler or classifier is
 * initialised and noted.
 *
 * @param classes names of the classes in the order of the logits
 * @param random draws what is missing
 * @returns all problems at once: any other tensor that is missing, of another shape or not a floating-point one, a
 *   classifier of other classes, a config that asks for what is not computed here
 */
export async function readTransformer(
  files: ModelFiles,
  classes: readonly string[],
  random: RandomStream,
): Promise<Checked<StoredTransformer>> {
  const configFile = join(files.location, 'config.json');
  const weightsFile = join(files.location, 'model.safetensors');
  const [configBytes, weightsBytes] = await Promise.all([
    readBytes(files, 'config.json'),
    readBytes(files, 'model.safetensors'),
  ]);
  const unreadable = [configBytes, weightsBytes].filter((read) => typeof read === 'string');
  if (typeof configBytes === 'string' || typeof weightsBytes === 'string')
    return { kind: 'invalid', problems: unreadable.map((message) => ({ path: 'teacher.location', message })) };

  const parsedConfig = parseConfigFile(new TextDecoder().decode(configBytes), configFile);
  const parsedWeights = readSafetensors(weightsBytes, weightsFile);
  const problems = [parsedConfig, parsedWeights].flatMap((parsed) =>
    parsed.kind === 'invalid' ? parsed.problems : [],
  );
  if (parsedConfig.kind === 'invalid' || parsedWeights.kind === 'invalid') return { kind: 'invalid', problems };

  const { config, labels } = parsedConfig.value;
  const { stored, unused } = namedTensors(parsedWeights.value.tensors, config, classes.length);
  const shapes = transformerShapes(config, classes.length);
  const initialised = headModules.filter((module) => ![...stored.keys()].some((name) => name.startsWith(`${module}.`)));
  const isInitialised = (name: string) => initialised.some((module) => name.startsWith(`${module}.`));
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
      isInitialised(name)
        ? initialiseWeight(name, shape, config.initializerRange, random)
        : tf.tensor(values[name]!, [...shape]),
    ]),
  );
  const notes = initialised.map((module) => `the model's ${module} was not in ${weightsFile} and was initialised`);
  if (unused.length > 0) notes.push(`tensors of ${weightsFile} that were not used: ${unused.join(', ')}`);
  return { kind: 'valid', value: { config, weights, hasTrainedHead: initialised.length === 0, notes } };
}

/** The bytes of a file, or why there are none. */
async function readBytes(files: ModelFiles, name: string): Promise<Uint8Array | string> {
  const file = join(files.location, name);
  try {
    const missing = `${file} does not exist: a transformer is a folder with config.json, model.safetensors and its vocabulary`;
    return (await files.read(name)) ?? missing;
  } catch (error) {
    return `${file} cannot be read: ${(error as Error).message}`;
  }
}

/** Stored tensors by their names in this program, and the names in the file of those that belong to no part of the model. */
function namedTensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  config: TransformerConfig,
  classes: number,
): { stored: Map<string, StoredTensor>; unused: string[] } {
  const known = transformerShapes(config, classes);
  const { nameFromFile } = families[config.family]!;
  const stored = new Map<string, StoredTensor>();
  const unused: string[] = [];
  for (const [nameInFile, tensor] of tensors) {
    const name = nameFromFile(nameInFile);
    if (name in known) stored.set(name, tensor);
    else if (!name.endsWith('position_ids')) unused.push(nameInFile);
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
 * A transformer as the files of a Hugging Face folder; the vocabulary is the caller's to add.
 *
 * @param weights by the names of `transformerShapes`; merge LoRA and DoRA first (`mergeLora`)
 * @throws Error if a weight is missing
 */
export async function transformerFiles(
  weights: Weights,
  config: TransformerConfig,
  classes: readonly string[],
): Promise<Record<'config.json' | 'model.safetensors', Uint8Array>> {
  const { nameInFile } = families[config.family]!;
  const tensors: Record<string, { shape: readonly number[]; values: Float32Array }> = {};
  for (const [name, shape] of Object.entries(transformerShapes(config, classes.length))) {
    const weight = weights[name];
    if (weight === undefined) throw new Error(`cannot save a transformer without its weight ${name}`);
    tensors[nameInFile(name)] = { shape, values: (await weight.data<'float32'>()) as Float32Array };
  }
  return {
    'config.json': new TextEncoder().encode(formatConfigFile(config, classes)),
    'model.safetensors': writeSafetensors(tensors, { format: 'pt' }),
  };
}
