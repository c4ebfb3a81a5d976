import { createReadStream } from 'node:fs';
import type { Checked } from '../../contract/run-spec';
import type { RandomStream } from '../numeric/random';
import type { WordVectors, WordVocabulary } from '../tokenizers/words';
import { FileProblems } from './file-problems';

/** Standard deviation of the vector of a word that has none, as in the PyTorch reference; GloVe 6B 50d has 0.71. */
const standardDeviation = 0.4;

/** More than any line of vectors has; a file without line breaks must not fill the memory. */
const maximumLineBytes = 1 << 20;

/**
 * Reads the vectors of the words in `needed` from a file in GloVe's format: a line a word, then its numbers, all
 * separated by single spaces. The file is streamed and only the needed lines are parsed; the first line is checked in
 * any case, so that a file of another width is noticed whatever its words.
 *
 * @param size Width of the student's embedding, which must be that of the vectors.
 */
export async function readWordVectors(
  path: string,
  needed: ReadonlyMap<string, unknown>,
  size: number,
): Promise<Checked<WordVectors>> {
  const problems = new FileProblems('vectors');
  const vectors = new Map<string, Float32Array>();
  let line = 0;
  try {
    for await (const bytes of linesOf(path)) {
      line++;
      const word = bytes.toString('utf8', 0, Math.max(bytes.indexOf(0x20), 0));
      if ((line > 1 && !needed.has(word)) || vectors.has(word)) continue;
      const vector = parseVector(bytes.toString('utf8'), size);
      if (typeof vector === 'string') problems.addAtLine(line, vector);
      else if (vector !== null && needed.has(word)) vectors.set(word, vector);
      if (line === 1 && problems.found) break; // the same would be said of every line
    }
    if (line === 0) problems.add(`"${path}" is empty`);
  } catch (error) {
    problems.add(`"${path}" cannot be read: ${(error as Error).message}`);
  }
  return problems.found ? { kind: 'invalid', problems: problems.list() } : { kind: 'valid', value: vectors };
}

/**
 * The student's embedding [words, size]: [PAD] is zeros, words with a vector have it, others are drawn from
 * N(0, 0.4²), and [UNK] is the mean of all of them.
 */
export function initialEmbedding(
  vocabulary: WordVocabulary,
  vectors: WordVectors | null,
  size: number,
  random: RandomStream,
): Float32Array {
  const embedding = random.fillNormal(new Float32Array(vocabulary.length * size), 0, standardDeviation);
  embedding.fill(0, 0, 2 * size);
  const mean = new Float64Array(size);
  for (let id = 2; id < vocabulary.length; id++) {
    const row = embedding.subarray(id * size, (id + 1) * size);
    const vector = vectors?.get(vocabulary[id]!);
    if (vector) row.set(vector);
    for (const [column, value] of row.entries()) mean[column]! += value / (vocabulary.length - 2);
  }
  embedding.set(mean, size);
  return embedding;
}

/** The numbers of a line; null for a word that itself holds spaces, which is no student's word; else what is wrong. */
function parseVector(line: string, size: number): Float32Array | string | null {
  const fields = line.split(' ').slice(1);
  // As it will be kept: 1e39 is a number, but no float32.
  const isNumber = (field: string) => field !== '' && Number.isFinite(Math.fround(Number(field)));
  if (fields.length === size && fields.every(isNumber)) return Float32Array.from(fields, Number);
  const foreign = fields.find((field) => !isNumber(field));
  if (foreign === undefined)
    return `${fields.length} numbers where the embedding has ${size}: set embeddingSize to the width of the vectors`;
  if (fields.length > size && fields.slice(-size).every(isNumber)) return null;
  return `${JSON.stringify(foreign.slice(0, 40))} is not a number: expected a word and ${size} numbers, separated by single spaces`;
}

/** The lines of a file without their ends; no more than a chunk and a line of it are held at a time. */
async function* linesOf(path: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
      yield bytes.subarray(start, bytes[end - 1] === 0x0d ? end - 1 : end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > maximumLineBytes) throw new Error(`a line has more than ${maximumLineBytes} bytes`);
  }
  if (rest.length > 0) yield rest;
}
