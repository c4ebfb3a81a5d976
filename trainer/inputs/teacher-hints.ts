import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Batch } from '../data/batch';
import type { Examples } from '../data/batches';
import type { HintRequest, Hints } from '../methods/method';
import { attributeExamples, completenessNote } from '../teacher/attributions';
import { hiddenStateLimitBytes } from '../teacher/hidden-states';
import type { KeptOutputs } from '../teacher/kept-outputs';
import { type HintReader, readHints, rowOffsets, summaryReader, wordStateReader } from '../teacher/teacher-states';
import type { RunModel } from './run-model';
import type { InputSetting } from './setting';

/** Hints of a frozen teacher for the batches of a run. */
export interface TeacherHints {
  /** null: the method asks for none. */
  of: ((batch: Batch) => Hints) | null;
  /** Whether the teacher is still needed, since hints are computed at every step. */
  computes: boolean;
  notes: string[];
}

/** Hints that belong to words of the student, so that both models' inputs must be aligned. */
export const alignsWords = ({ kind }: HintRequest): boolean => kind !== 'summaries';

/** Computes the hints that a method asks for, once for all runs that ask for the same. */
export async function teacherHints(
  request: HintRequest | null,
  teacher: RunModel,
  train: Examples,
  kept: KeptOutputs,
  setting: InputSetting,
): Promise<TeacherHints | 'interrupted'> {
  const { frozen, model } = teacher;
  if (request === null) return { of: null, computes: false, notes: [] };
  switch (request.kind) {
    case 'summaries':
      return stateHints(summaryReader(model, frozen, request.layers), request, train, kept, setting);
    case 'states':
      return stateHints(wordStateReader(model, frozen, request.layers), request, train, kept, setting);
    case 'attributions':
      return attributionHints(request.steps, teacher, train, kept, setting);
  }
}

async function stateHints(
  reader: HintReader,
  request: HintRequest,
  train: Examples,
  kept: KeptOutputs,
  { signal, onPhase }: InputSetting,
): Promise<TeacherHints | 'interrupted'> {
  const offsets = rowOffsets(train, reader.per);
  const width = Object.values(reader.widths).reduce((sum, width) => sum + width, 0);
  if (offsets.at(-1)! * width * Float32Array.BYTES_PER_ELEMENT > hiddenStateLimitBytes) {
    const gibibytes = hiddenStateLimitBytes / 2 ** 30;
    const note = `the teacher's states were computed at every step: together they would take over ${gibibytes} GiB of memory`;
    return { of: (batch) => reader.read(batch), computes: true, notes: [note] };
  }
  const onProgress = (done: number) => onPhase(`computing the teacher's states: ${done} of ${train.rows.length} rows`);
  const outputs = await kept.of(
    { folder: 'teacher-states', settings: request, byWord: reader.per === 'word' },
    train,
    () => readHints(reader, train, signal, onProgress),
  );
  if (outputs === null) return 'interrupted';
  const byName = Object.entries(reader.widths).map(
    ([name, width]) => [name, valuesByRow(train, outputs[name]!.values, offsets, width)] as const,
  );
  const of = ({ rows }: Batch) => Object.fromEntries(byName.map(([name, values]) => [name, values(rows)]));
  return { of, computes: false, notes: [] };
}

async function attributionHints(
  steps: number,
  { frozen, model }: RunModel,
  train: Examples,
  kept: KeptOutputs,
  { signal, onPhase }: InputSetting,
): Promise<TeacherHints | 'interrupted'> {
  const onProgress = (done: number) => onPhase(`computing Integrated Gradients: ${done} of ${train.rows.length} rows`);
  const outputs = await kept.of({ folder: 'teacher-attributions', settings: { steps }, byWord: true }, train, () =>
    attributeExamples(model.embedded(frozen), train, steps, signal, onProgress),
  );
  if (outputs === null) return 'interrupted';
  const byRow = valuesByRow(train, outputs.attributions!.values, rowOffsets(train, 'word'), 1);
  const of = ({ rows }: Batch) => ({ attributions: byRow(rows) });
  return { of, computes: false, notes: [completenessNote(outputs, steps)] };
}

/**
 * Picks what belongs to rows of a file out of values that stand in the order of the examples.
 *
 * @param offsets where the rows of `width` values of each example begin
 */
export function valuesByRow(
  { rows }: Examples,
  values: Float32Array,
  offsets: Int32Array,
  width: number,
): (rows: Int32Array) => Tensor2D {
  const positionOf = new Map(Array.from(rows, (row, position) => [row, position]));
  return (wanted) => {
    const parts = Array.from(wanted, (row) => {
      const position = positionOf.get(row)!;
      return values.subarray(offsets[position]! * width, offsets[position + 1]! * width);
    });
    const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let filled = 0;
    for (const part of parts) {
      joined.set(part, filled);
      filled += part.length;
    }
    return tf.tensor2d(joined, [joined.length / width, width]);
  };
}
