import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { float32Values, readSafetensors, writeSafetensors } from './checkpoint/safetensors';
import { batchOf, type Examples, evaluationOrder } from './data/batches';
import type { Classifier } from './methods/method';
import type { Weights } from './models/weights';
import { predict } from './predict';

/** Examples a forward pass. */
export const evaluationBatchSize = 64;

/** Logits of a teacher that does not change, kept on this machine for all runs that ask for the same. */
export interface TeacherLogits {
  /** Logits in the order of the examples, [n, classes]; null where `signal` was aborted. */
  of(examples: Examples, signal: AbortSignal): Promise<Float32Array | null>;
}

export interface FrozenTeacher {
  classifier: Classifier;
  weights: Weights;
  /** What of the weights the classifier closes over. */
  frozen: Weights;
  /** All else that makes logits what they are: the model's constants and the engine with its version. */
  circumstances: unknown;
}

/**
 * Logits by content: what is kept lies under the SHA-256 of the teacher's weights, its circumstances and the word pieces it
 * reads, so another teacher, preprocessing, vocabulary, cut or engine is another file. A file is put in place whole, and
 * checked when it is read; a damaged one is computed again. In two processes at once it is computed twice.
 *
 * @param directory `teacher-logits` is made in it.
 */
export function teacherLogitsCache(teacher: FrozenTeacher, directory: string): TeacherLogits {
  let teacherKey: string | null = null;
  return {
    of: async (examples, signal) => {
      teacherKey ??= await digestOfTeacher(teacher);
      const { ids, offsets } = examples.tokens!;
      const key = createHash('sha256').update(teacherKey).update(offsets).update(ids).digest('hex');
      const path = join(directory, 'teacher-logits', `${key}.safetensors`);
      const kept = await readLogits(path, examples.rows.length);
      if (kept !== null) return kept;
      const batches = evaluationOrder(examples, evaluationBatchSize).map((positions) => batchOf(examples, positions));
      const predictions = await predict(teacher.classifier, teacher.weights, batches, signal);
      if (predictions !== null) await keepLogits(path, predictions.logits, examples.rows.length);
      return predictions?.logits ?? null;
    },
  };
}

async function digestOfTeacher({ weights, frozen, circumstances }: FrozenTeacher): Promise<string> {
  const digest = createHash('sha256').update(JSON.stringify(circumstances));
  const all = { ...frozen, ...weights };
  for (const name of Object.keys(all).sort()) {
    const tensor = all[name]!;
    const values = await tensor.data();
    digest.update(`${name} ${tensor.shape}`).update(bytesOf(values as Float32Array));
  }
  return digest.digest('hex');
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const digestOf = (logits: Float32Array): string => createHash('sha256').update(bytesOf(logits)).digest('hex');

/** null where there is no such file, or not a whole one. */
async function readLogits(path: string, rows: number): Promise<Float32Array | null> {
  const body = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  const file = body && readSafetensors(body, path);
  if (file?.kind !== 'valid') return null;
  const stored = file.value.tensors.get('logits');
  const logits = stored?.shape[0] === rows ? float32Values(stored) : null;
  return logits !== null && digestOf(logits) === file.value.metadata.sha256 ? logits : null;
}

async function keepLogits(path: string, logits: Float32Array, rows: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  await mkdir(join(path, '..'), { recursive: true });
  try {
    const shape = [rows, logits.length / rows];
    await writeFile(temporary, writeSafetensors({ logits: { shape, values: logits } }, { sha256: digestOf(logits) }), {
      flush: true,
    });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
