import { join } from 'node:path';
import { z } from 'zod';
import { parametersSchema } from '../../contract/parameters';
import { type Checked, type Problem, problemsOf } from '../../contract/run-spec';
import { float32Values, readSafetensors } from '../checkpoint/safetensors';
import type { ModelFiles } from '../models/teacher';
import type { WordVocabulary } from '../tokenizers/words';
import { invalid } from './run-model';

/** What a run leaves of its student: all that it takes to classify a text. */
export interface StoredStudent {
  classes: string[];
  reading: { preprocessing: 'thesis' | 'light' | 'none'; maxWords: number };
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

export const studentFiles = ['config.json', 'vocabulary.txt', 'student.safetensors'] as const;

/** Reads a student's folder. @returns everything that is missing of it or malformed */
export async function readStudent(files: ModelFiles): Promise<Checked<StoredStudent>> {
  const found = await Promise.all(studentFiles.map((name) => files.read(name)));
  const missing = studentFiles.filter((_, place) => found[place] === null);
  const [configBytes, vocabularyBytes, weightsBytes] = found;
  if (missing.includes('student.safetensors') && (await files.read('model.safetensors')) !== null)
    return invalid('model', `${files.location} is the folder of a teacher: give that of a student`);
  if (!configBytes || !vocabularyBytes || !weightsBytes)
    return {
      kind: 'invalid',
      problems: missing.map((name) => ({
        path: 'model',
        message: `${join(files.location, name)} does not exist: a student is a folder with ${studentFiles.join(', ')}`,
      })),
    };
  const config = parseConfig(textOf(configBytes), join(files.location, 'config.json'));
  const file = readSafetensors(weightsBytes, join(files.location, 'student.safetensors'));
  if (config.kind === 'invalid') return config;
  if (file.kind === 'invalid') return file;
  const weights: StoredStudent['weights'] = {};
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
      'model',
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
    return invalid('model', `${file} is not JSON: ${(error as Error).message}`);
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
