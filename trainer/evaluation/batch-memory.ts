import { methods } from '../../contract/methods';
import type { RunSpec } from '../../contract/run-spec';
import type { Batch } from '../data/batch';
import { isOutOfMemory } from '../engine/out-of-memory';

/** The memory of the device ran out on a batch; the message says on what, and what to lower. */
export class OutOfMemoryError extends Error {
  constructor(batch: Batch, spec: RunSpec | null, cause: unknown) {
    const work = spec === null ? 'predicting' : 'training';
    const models = spec === null ? '' : `, with ${modelsOf(spec)}`;
    const size = spec === null ? '' : 'batchSize, ';
    const ofEngine = (cause as Error).message.split('\n').at(-1);
    super(
      `memory ran out ${work} on a batch of ${batch.rows.length} examples, the longest of ${lengthOf(batch)}${models} ` +
        `(${ofEngine}): run fewer runs at a time, or define the run anew with a smaller ${size}maxTokens or maxWords, or ` +
        'smaller models',
      { cause },
    );
    this.name = 'OutOfMemoryError';
  }
}

/**
 * Does some work on a batch.
 *
 * @param spec of the run that trains on it; null: a model predicts
 * @throws OutOfMemoryError where the memory of the device ran out; any other error as it is
 */
export function withinMemory<T>(batch: Batch, spec: RunSpec | null, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isOutOfMemory(error) ? new OutOfMemoryError(batch, spec, error) : error;
  }
}

function lengthOf({ inputs: { teacher, student } }: Batch): string {
  const lengths: string[] = [];
  if (teacher !== null) lengths.push(`${longest(teacher.lengths)} tokens (teacher)`);
  if (student !== null) lengths.push(`${longest(student.lengths)} tokens (student)`);
  return lengths.join(' and ');
}

const longest = (lengths: Int32Array): number => lengths.reduce((most, length) => Math.max(most, length), 0);

function modelsOf({ method, teacher, parameters }: RunSpec): string {
  const models: string[] = [];
  if (methods[method].trains === 'student') models.push(`a student of ${parameters.studentUnits} units`);
  if (teacher?.kind === 'folder') models.push(`the teacher "${teacher.location}"`);
  if (teacher?.kind === 'run') models.push(`the teacher of run "${teacher.runId}"`);
  if (teacher?.kind === 'random') models.push(`a teacher of ${teacher.layers} layers, ${teacher.hidden} wide`);
  return models.join(' and ');
}
