import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { RunSpec } from '../../contract/run-spec';
import type { Batch } from '../data/batch';
import type { Examples } from '../data/batches';
import { patientLayers } from '../methods/pkd';
import { attributeExamples, completenessNote } from '../teacher/attributions';
import { hiddenStateLimitBytes } from '../teacher/hidden-states';
import type { KeptOutputs } from '../teacher/kept-outputs';
import { readStates, rowOffsets, type StateReader, summaryStates, wordStates } from '../teacher/teacher-states';
import type { RunModel } from './run-model';
import type { InputSetting } from './setting';

/** What a frozen teacher tells besides its logits. */
export interface TeacherHints {
  /** Of the rows of a batch, [rows, width]; null: the method asks for none. */
  of: ((batch: Batch) => Tensor2D) | null;
  /** Whether the teacher is still needed, since hints are computed at every step. */
  computes: boolean;
  notes: string[];
}

/** Computes what the method reads of the inside of its teacher, once for all runs that ask for the same. */
export async function teacherHints(
  { method, parameters }: RunSpec,
  teacher: RunModel,
  train: Examples,
  kept: KeptOutputs,
  setting: InputSetting,
): Promise<TeacherHints | 'interrupted'> {
  const { frozen, model } = teacher;
  const last = model.sizes.layers;
  const cls = (layers: readonly number[]) => summaryStates(model, frozen, layers);
  switch (method) {
    case 'pkd': {
      const layers = patientLayers(parameters.patientLayers, last);
      return stateHints(cls(layers), { cls: layers }, train, kept, setting);
    }
    case 'distilbert':
      return stateHints(cls([last]), { cls: [last] }, train, kept, setting);
    case 'tinybert':
      return stateHints(wordStates(model, frozen), { words: [0, last] }, train, kept, setting);
    case 'dixtill':
      return attributionHints(parameters.attributionSteps, teacher, train, kept, setting);
    default:
      return { of: null, computes: false, notes: [] };
  }
}

async function stateHints(
  reader: StateReader,
  settings: object,
  train: Examples,
  kept: KeptOutputs,
  { signal, onPhase }: InputSetting,
): Promise<TeacherHints | 'interrupted'> {
  const rows = rowOffsets(train, reader.per).at(-1)!;
  if (rows * reader.width * Float32Array.BYTES_PER_ELEMENT > hiddenStateLimitBytes) {
    const gibibytes = hiddenStateLimitBytes / 2 ** 30;
    const note = `the teacher's states were computed at every step: together they would take over ${gibibytes} GiB of memory`;
    return { of: (batch) => reader.read(batch), computes: true, notes: [note] };
  }
  const told = (done: number) => onPhase(`computing the teacher's states: ${done} of ${train.rows.length} rows`);
  const outputs = await kept.of(
    { folder: 'teacher-states', settings, byWord: reader.per === 'word' },
    train,
    async () => {
      const values = await readStates(reader, train, signal, told);
      return values && { states: { rows, values } };
    },
  );
  if (outputs === null) return 'interrupted';
  const byRow = valuesByRow(train, outputs.states!.values, rowOffsets(train, reader.per), reader.width);
  return { of: ({ rows }) => byRow(rows), computes: false, notes: [] };
}

async function attributionHints(
  steps: number,
  { frozen, model }: RunModel,
  train: Examples,
  kept: KeptOutputs,
  { signal, onPhase }: InputSetting,
): Promise<TeacherHints | 'interrupted'> {
  const told = (done: number) => onPhase(`computing Integrated Gradients: ${done} of ${train.rows.length} rows`);
  const outputs = await kept.of({ folder: 'teacher-attributions', settings: { steps }, byWord: true }, train, () =>
    attributeExamples(model.embedded(frozen), train, steps, signal, told),
  );
  if (outputs === null) return 'interrupted';
  const byRow = valuesByRow(train, outputs.attributions!.values, rowOffsets(train, 'word'), 1);
  return { of: ({ rows }) => byRow(rows), computes: false, notes: [completenessNote(outputs, steps)] };
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
