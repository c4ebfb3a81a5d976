import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { type Parameters, parametersSchema } from '../../../contract/parameters';
import { type Checked, type Problem, problemsOf } from '../../../contract/run-spec';
import { float32Values, readSafetensors } from '../../checkpoint/safetensors';
import type { Weights } from '../../numeric/weights';
import type { WordVocabulary } from '../../tokenizers/words';
import { type SavedFiles, withoutTrainingOnly } from '../model';
import { type ModelFiles, readText } from '../model-files';
import { packWeights } from '../weights-file';

/** How a stored BiLSTM reads text. */
export type Reading = Pick<Parameters, 'preprocessing' | 'maxWords'>;

/** A BiLSTM read from files: all that it takes to classify a text. */
export interface StoredBilstm {
  classes: string[];
  reading: Reading;
  vocabulary: WordVocabulary;
  /** By the names of `initialiseBilstm`. */
  weights: Record<string, { shape: number[]; values: Float32Array }>;
}

const { preprocessing, maxWords } = parametersSchema.shape;
const configSchema = z.looseObject({
  model: z.literal('bilstm'),
  classes: z.array(z.string()).min(2),
  parameters: z.looseObject({ preprocessing, maxWords }),
});

export const bilstmFileNames = ['config.json', 'vocabulary.txt', 'student.safetensors'] as const;

/** Whether a folder holds a BiLSTM; its configuration says so. */
export async function isBilstm(files: ModelFiles): Promise<boolean> {
  const config = await readText(files, 'config.json');
  try {
    return config !== null && JSON.parse(config).model === 'bilstm';
  } catch {
    return false;
  }
}

/** Reads the folder of a BiLSTM. @returns everything in it that is missing or malformed */
export async function readBilstm(files: ModelFiles): Promise<Checked<StoredBilstm>> {
  const found = await Promise.all(bilstmFileNames.map((name) => files.read(name)));
  const missing = bilstmFileNames.filter((_, place) => found[place] === null);
  const [configBytes, vocabularyBytes, weightsBytes] = found;
  if (missing.includes('student.safetensors') && (await files.read('model.safetensors')) !== null)
    return invalid(`${files.location} holds a transformer: a BiLSTM student is needed`);
  if (!configBytes || !vocabularyBytes || !weightsBytes)
    return {
      kind: 'invalid',
      problems: missing.map((name) => ({
        path: 'model',
        message: `${join(files.location, name)} does not exist: a student is a folder with ${bilstmFileNames.join(', ')}`,
      })),
    };
  const config = parseConfig(textOf(configBytes), join(files.location, 'config.json'));
  const file = readSafetensors(weightsBytes, join(files.location, 'student.safetensors'));
  if (config.kind === 'invalid') return config;
  if (file.kind === 'invalid') return file;
  const weights: StoredBilstm['weights'] = {};
  const problems: Problem[] = [];
  for (const [name, tensor] of file.value.tensors) {
    const values = float32Values(tensor);
    if (values !== null) weights[name] = { shape: tensor.shape, values };
    else problems.push(notFloat(files, name, tensor.dtype));
  }
  if (problems.length > 0) return { kind: 'invalid', problems };
  const vocabulary = textOf(vocabularyBytes).replace(/\n$/, '').split('\n');
  const { classes, parameters } = config.value;
  const rows = weights['embedding.weight']?.shape[0];
  const outputs = weights['dense.bias']?.shape[0];
  if (rows !== vocabulary.length || outputs !== classes.length)
    return invalid(
      `${files.location}: weights of ${rows} words and ${outputs} classes, but ${vocabulary.length} words in vocabulary.txt and ${classes.length} classes in config.json: copy the whole folder of one run`,
    );
  return { kind: 'valid', value: { classes, reading: parameters, vocabulary, weights } };
}

const notFloat = ({ location }: ModelFiles, name: string, dtype: string): Problem => ({
  path: 'model',
  message: `${join(location, 'student.safetensors')}: tensor "${name}" has type ${dtype}; F32, F16 or BF16 was expected`,
});

function parseConfig(text: string, file: string): Checked<z.output<typeof configSchema>> {
  try {
    const parsed = configSchema.safeParse(JSON.parse(text));
    if (parsed.success) return { kind: 'valid', value: parsed.data };
    const problems = problemsOf(parsed.error).map(({ path, message }) => ({
      path,
      message: `${file}: ${path}: ${message}`,
    }));
    return { kind: 'invalid', problems };
  } catch (error) {
    return invalid(`${file} is not JSON: ${(error as Error).message}`);
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const invalid = (message: string): Checked<never> => ({ kind: 'invalid', problems: [{ path: 'model', message }] });

/** The tensors of a stored BiLSTM; the caller disposes of them. */
export const tensorsOf = ({ weights }: StoredBilstm): Weights =>
  Object.fromEntries(Object.entries(weights).map(([name, { shape, values }]) => [name, tf.tensor(values, shape)]));

/** A BiLSTM as the files of its folder. @param parameters of its run, with the way it reads among them */
export async function bilstmFiles(
  weights: Weights,
  { classes, vocabulary, parameters }: { classes: readonly string[]; vocabulary: WordVocabulary; parameters: Reading },
): Promise<SavedFiles> {
  return {
    'student.safetensors': await packWeights(withoutTrainingOnly(weights)),
    'vocabulary.txt': `${vocabulary.join('\n')}\n`,
    'config.json': `${JSON.stringify({ model: 'bilstm', classes, parameters }, null, 2)}\n`,
  };
}
