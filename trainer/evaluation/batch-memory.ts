import type { ModelSource, RunSpec } from '../../contract/run-spec';
import type { Batch, Role } from '../data/batch';
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

function modelsOf({ teacher, student, parameters }: RunSpec): string {
  const models: string[] = [];
  if (student?.kind === 'bilstm') models.push(`a student of ${parameters.studentUnits} units`);
  else if (student !== null) models.push(modelText('student', student));
  if (teacher !== null && teacher.kind !== 'labels') models.push(modelText('teacher', teacher));
  return models.join(' and ');
}

function modelText(role: Role, source: Exclude<ModelSource, { kind: 'bilstm' }>): string {
  switch (source.kind) {
    case 'folder':
      return `the ${role} "${source.location}"`;
    case 'run':
      return `the ${role} of run "${source.runId}"`;
    case 'random':
      return `a ${role} of ${source.layers} layers, ${source.hidden} wide`;
  }
}
