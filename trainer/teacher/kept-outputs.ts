import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { float32Values, readSafetensors, writeSafetensors } from '../checkpoint/safetensors';
import type { Examples } from '../data/batches';
import type { Classifier } from '../models/model';
import type { Weights } from '../numeric/weights';

/** A teacher that does not change. */
export interface FrozenTeacher {
  classifier: Classifier;
  weights: Weights;
  /** What of the weights the classifier closes over. */
  frozen: Weights;
  /** All else that makes outputs what they are: the model's constants and the engine with its version. */
  circumstances: unknown;
}

/** Numbers in rows by name, each of a length that its rows divide. */
export type Outputs = Readonly<Record<string, { rows: number; values: Float32Array }>>;

/** Folders of the cache directory. */
const outputFolders = ['teacher-logits', 'teacher-states', 'teacher-attributions'] as const;

/** Bytes that kept outputs may take on a machine. */
const mostKeptBytes = 20e9;

/** What is computed of a teacher. */
export interface OutputKind {
  /** Made in the cache directory. */
  folder: (typeof outputFolders)[number];
  /** What the outputs depend on besides teacher and examples; undefined: nothing. */
  settings?: unknown;
  /** Whether the words that word pieces belong to make a difference. */
  byWord?: boolean;
}

/** What a teacher that does not change says of examples, kept on this machine for all runs that ask for the same. */
export interface KeptOutputs {
  /** As kept, else as computed; null where `compute` gives null, and then nothing is kept. */
  of(kind: OutputKind, examples: Examples, compute: () => Promise<Outputs | null>): Promise<Outputs | null>;
}

/**
 * Outputs by content: what is kept lies under the SHA-256 of the teacher's weights, its circumstances, the word pieces it
 * reads (where it matters, the words they belong to) and the settings, so another teacher, preprocessing, vocabulary,
 * cut or engine is another file. A file is put in place whole, and checked when it is read; a damaged one is computed again.
 * In two processes at once it is computed twice. Beyond `mostBytes` in all, those files go that were not read for longest.
 */
export function keptOutputs(teacher: FrozenTeacher, directory: string, mostBytes = mostKeptBytes): KeptOutputs {
  let teacherKey: string | null = null;
  return {
    of: async ({ folder, settings, byWord = false }, examples, compute) => {
      teacherKey ??= await digestOfTeacher(teacher);
      const { ids, offsets } = examples.inputs.teacher!;
      const digest = createHash('sha256').update(teacherKey).update(offsets).update(ids);
      if (byWord) digest.update(examples.alignment!).update(examples.inputs.student!.offsets);
      if (settings !== undefined) digest.update(JSON.stringify(settings));
      const path = join(directory, folder, `${digest.digest('hex')}.safetensors`);
      const kept = await readOutputs(path);
      if (kept !== null) {
        const now = new Date();
        await utimes(path, now, now).catch(ignoreAbsence);
        return kept;
      }
      const outputs = await compute();
      if (outputs !== null) {
        await keepOutputs(path, outputs);
        await shrink(directory, path, mostBytes);
      }
      return outputs;
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

function digestOf(outputs: Outputs): string {
  const digest = createHash('sha256');
  for (const name of Object.keys(outputs).sort()) digest.update(bytesOf(outputs[name]!.values));
  return digest.digest('hex');
}

/** null where there is no such file, or not a whole one. */
async function readOutputs(path: string): Promise<Outputs | null> {
  const body = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  const file = body && readSafetensors(body, path);
  if (file?.kind !== 'valid') return null;
  const outputs: Record<string, Outputs[string]> = {};
  for (const [name, tensor] of file.value.tensors) {
    const values = float32Values(tensor);
    if (values === null) return null;
    outputs[name] = { rows: tensor.shape[0]!, values };
  }
  return digestOf(outputs) === file.value.metadata.sha256 ? outputs : null;
}

async function keepOutputs(path: string, outputs: Outputs): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  await mkdir(join(path, '..'), { recursive: true });
  try {
    const tensors = Object.entries(outputs).map(([name, { rows, values }]) => [
      name,
      { shape: [rows, values.length / rows], values },
    ]);
    await writeFile(temporary, writeSafetensors(Object.fromEntries(tensors), { sha256: digestOf(outputs) }), {
      flush: true,
    });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Deletes what was not read for longest until the rest fits, but not the newest, `path`. Other processes may do so too. */
async function shrink(directory: string, path: string, mostBytes: number): Promise<void> {
  const files = (await Promise.all(outputFolders.map((folder) => filesIn(join(directory, folder))))).flat();
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  for (const file of files.sort((a, b) => a.usedAt - b.usedAt)) {
    if (bytes <= mostBytes) return;
    if (file.path === path) continue;
    await rm(file.path, { force: true });
    bytes -= file.size;
  }
}

async function filesIn(folder: string): Promise<{ path: string; size: number; usedAt: number }[]> {
  const names = await readdir(folder).catch(ignoreAbsence);
  const files = (names ?? []).map(async (name) => {
    const path = join(folder, name);
    const found = await stat(path).catch(ignoreAbsence);
    return found ? [{ path, size: found.size, usedAt: found.mtimeMs }] : [];
  });
  return (await Promise.all(files)).flat();
}

function ignoreAbsence(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
