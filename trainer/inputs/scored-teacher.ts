import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { methods } from '../../contract/methods';
import type { Split } from '../../contract/metric-names';
import type { RunSpec } from '../../contract/run-spec';
import type { Batch } from '../data/batch';
import { batchOf, type Examples, evaluationOrder } from '../data/batches';
import type { TeacherLabels } from '../data/teacher-labels';
import type { Predictions } from '../evaluation/predict';
import { predict } from '../evaluation/predict';
import type { HintRequest, Hints, TrainingState } from '../methods/method';
import { inputsOf } from '../models/model';
import { hiddenStateLimitBytes } from '../teacher/hidden-states';
import { keptOutputs } from '../teacher/kept-outputs';
import { evaluationBatchSize, type TeacherLogits, teacherLogitsCache } from '../teacher/teacher-logits';
import { rowOffsets } from '../teacher/teacher-states';
import type { RunExamples } from './run-examples';
import type { RunModel } from './run-model';
import type { InputSetting } from './setting';
import { teacherHints, valuesByRow } from './teacher-hints';

/** The teacher of a run as something to be scored. */
export interface ScoredTeacher {
  splitsScoredAt(epoch: number): readonly Split[];
  /** null where interrupted. */
  predict(split: Split, at: { epoch: number; state: TrainingState }, signal: AbortSignal): Promise<Predictions | null>;
}

const bothSplits = ['dev', 'test'] as const satisfies Split[];

/** The part of a run's inputs that is the teacher's. */
export interface TeacherOfRun {
  /** Logits of a frozen teacher on rows of the train file, [b, c]; null where the teacher learns or is absent. */
  teacherLogits: ((rows: Int32Array) => Tensor2D) | null;
  /** Hints of a frozen teacher; null if the method asks for none. */
  hints: ((batch: Batch) => Hints) | null;
  /** null in scratch. */
  teacher: ScoredTeacher | null;
  /** What a reader of the result must know. */
  notes: string[];
}

/**
 * The part of the inputs that is the teacher's: its logits in training where it is frozen, and how it is scored. Before
 * training it is the same teacher for every run and seed, so its logits are cached; a frozen one is not needed after that.
 */
export async function scoredTeacher(
  spec: RunSpec,
  teacher: RunModel | null,
  hintRequest: HintRequest | null,
  examples: RunExamples,
  setting: InputSetting,
): Promise<TeacherOfRun | 'interrupted'> {
  const { cacheDirectory, engine, signal, onPhase } = setting;
  if (teacher === null) return { teacher: null, teacherLogits: null, hints: null, notes: [] };
  const { classifier, learning: weights, frozen, model } = teacher;
  const circumstances = { constants: model.constants, engine: `${engine.name} ${engine.version} ${engine.device}` };
  const kept = keptOutputs({ classifier, weights, frozen, circumstances }, cacheDirectory);
  const cache = teacherLogitsCache({ classifier, weights, frozen, circumstances }, cacheDirectory, kept);
  if (methods[spec.method].teacherLearns !== 'nothing') {
    const notes = await keepHiddenStates(teacher, examples.train, setting);
    if (notes === 'interrupted') return 'interrupted';
    return { teacher: learningTeacher(spec, teacher, examples, cache), teacherLogits: null, hints: null, notes };
  }

  onPhase("computing the teacher's logits");
  const logits: Partial<Record<'train' | Split, Float32Array>> = {};
  for (const split of ['train', 'dev', 'test'] as const) {
    const ofSplit = await cache.of(examples[split], signal);
    if (ofSplit === null) return 'interrupted';
    logits[split] = ofSplit;
  }
  const hints = await teacherHints(hintRequest, teacher, examples.train, kept, setting);
  if (hints === 'interrupted') return 'interrupted';
  if (!hints.computes) tf.dispose(Object.values(frozen));
  const width = logits.train!.length / examples.train.rows.length;
  return {
    teacher: {
      splitsScoredAt: (epoch) => (epoch === 0 ? bothSplits : []),
      predict: async (split) => predictionsOf(examples[split], logits[split]!),
    },
    teacherLogits: valuesByRow(examples.train, logits.train!, rowOffsets(examples.train, 'example'), width),
    hints: hints.of,
    notes: hints.notes,
  };
}

/** Runs the layers of the teacher that never change once over the train rows. @returns notes */
async function keepHiddenStates(
  { hiddenStates }: RunModel,
  train: Examples,
  { signal, onPhase }: InputSetting,
): Promise<string[] | 'interrupted'> {
  if (hiddenStates === null) return [];
  onPhase(`computing the teacher's hidden states below layer ${hiddenStates.layer}`);
  const batches = evaluationOrder(train, evaluationBatchSize).map((positions) =>
    inputsOf(batchOf(train, positions), 'teacher'),
  );
  const outcome = await hiddenStates.keep(batches, signal);
  if (outcome !== 'too-large') return outcome === 'interrupted' ? outcome : [];
  const gibibytes = hiddenStateLimitBytes / 2 ** 30;
  return [`the teacher's lower layers ran at every step: their states would take over ${gibibytes} GiB of memory`];
}

/** A teacher of which there is nothing but what it says of rows. It is scored on the splits of which it says something of each. */
export function labellingTeacher({ logits, scored, notes }: TeacherLabels, examples: RunExamples): TeacherOfRun {
  const { train } = examples;
  const width = logits.length / train.rows.length;
  return {
    teacher: {
      splitsScoredAt: (epoch) => (epoch === 0 ? bothSplits.filter((split) => scored[split] !== null) : []),
      predict: async (split) => predictionsOf(examples[split], scored[split]!),
    },
    teacherLogits: valuesByRow(train, logits, rowOffsets(train, 'example'), width),
    hints: null,
    notes,
  };
}

/** A teacher that learns: in fine-tuning scored as teacher only before, afterwards as the model of the run. */
function learningTeacher(
  { method, parameters }: RunSpec,
  { classifier, isTrained }: RunModel,
  examples: RunExamples,
  cache: TeacherLogits,
): ScoredTeacher {
  const isSubject = methods[method].trains === 'teacher';
  return {
    splitsScoredAt: (epoch) => {
      const isDue = !isSubject && (parameters.evaluateTeacher === 'epochs' || epoch === parameters.epochs);
      return (epoch === 0 ? isTrained : isDue) ? bothSplits : [];
    },
    predict: async (split, { epoch, state }, signal) => {
      if (epoch === 0) {
        const logits = await cache.of(examples[split], signal);
        return logits && predictionsOf(examples[split], logits);
      }
      const batches = evaluationOrder(examples[split], evaluationBatchSize).map((at) => batchOf(examples[split], at));
      return predict(classifier, state.teacher!.weights, batches, signal);
    },
  };
}

const predictionsOf = ({ rows, labels }: Examples, logits: Float32Array): Predictions => ({ rows, labels, logits });
