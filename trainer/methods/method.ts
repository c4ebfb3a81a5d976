import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import type { Parameters } from '../../contract/parameters';
import type { Problem } from '../../contract/run-spec';
import type { Batch, Role } from '../data/batch';
import type { Classifier, ModelSizes, StateReader } from '../models/model';
import type { OptimizerState } from '../numeric/optimizers';
import type { RandomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';

/** A model that learns: the weights that move, and what its optimizer remembers of them. */
export interface Learner {
  weights: Weights;
  optimizer: OptimizerState;
}

/** Everything a step changes, and with it everything a checkpoint holds in tensors. */
export interface TrainingState {
  /** null in fine-tuning. */
  student: Learner | null;
  /** The learning part of the teacher (all of it, LoRA matrices, ...); null if the teacher is frozen or absent. */
  teacher: Learner | null;
  /** Moments of the pilot gradients, in meta methods with an RMSprop or Adam pilot; null elsewhere. */
  pilot: OptimizerState | null;
}

/**
 * Outputs of the inside of a frozen teacher, computed once for all train rows:
 *
 * - `summaries`: for each layer (counted from 1) the state that stands for the whole example, `summary.<layer>` [b, d];
 * - `states`: for each layer (0: the vectors that enter the first) the states by word of the student, each the mean over the
 *   word's tokens, `states.<layer>` [n, d], and `isRead` [n, 1], 1 or 0 for a word of which the teacher reads nothing;
 * - `attributions`: by word, how much it did for the teacher's prediction, `attributions` [n, 1].
 */
export type HintRequest =
  | { kind: 'summaries'; layers: readonly number[] }
  | { kind: 'states'; layers: readonly number[] }
  | { kind: 'attributions'; steps: number };

/** The hints of a batch, by the names of `HintRequest`. */
export type Hints = Readonly<Record<string, Tensor2D>>;

export interface StepInputs {
  batch: Batch;
  /** null if the method uses no quiz set. */
  quiz: Batch | null;
  /** Logits of a frozen teacher on the batch, [b, c]; null if the teacher learns or is absent. */
  teacherLogits: Tensor2D | null;
  /** null or left out if the method asks for none. */
  hints?: Hints | null;
  /** Steps done before this one, over all epochs: the position in a learning-rate schedule. */
  step: number;
  /** Random numbers of this step alone, the same in every attempt. */
  random: RandomStream;
}

/** `figures` are scalars left on the device, by metric name; the loop reads them back once a logging interval. */
export interface StepOutcome {
  state: TrainingState;
  figures: Record<string, Scalar>;
}

/**
 * One step of a method: pure in its tensors. The caller runs it in a `tf.tidy` and disposes of the old state, of which
 * the new one shares no tensor. A method closes over models and hyper-parameters; all that changes goes in and comes out.
 */
export type Step = (state: TrainingState, inputs: StepInputs) => StepOutcome;

/** A method made for a run: how training begins, and its step. */
export interface Method {
  /** The state before the first step. It takes over the given tensors (learning weights only) and adds its own. */
  begin(weights: { student: Weights | null; teacher: Weights | null }): TrainingState;
  step: Step;
}

/** What a method that imitates the inside of a teacher is made from besides the rest. */
export interface HintSetting {
  student: StateReader;
  /** Sizes of both models. */
  sizes: Readonly<Record<Role, ModelSizes>>;
  /** Source of the initial values of projections that are trained with the student and not saved. */
  random: RandomStream;
}

/** What a method is made from. */
export interface MethodSetting {
  parameters: Parameters;
  /** Steps of the whole run: epochs times steps an epoch. */
  totalSteps: number;
  /** null in fine-tuning. */
  student: Classifier | null;
  /** null if the teacher is absent or frozen. */
  teacher: Classifier | null;
  /** null or left out if the method asks for no hints. */
  hints?: HintSetting | null;
}

/** A method as its file declares it. */
export interface MethodDefinition {
  /** What it needs of the inside of a frozen teacher; left out: nothing. */
  hints?: (parameters: Parameters, teacher: ModelSizes) => HintRequest;
  /** Hyper-parameters that do not fit the teacher. */
  problems?: (parameters: Parameters, teacher: ModelSizes) => Problem[];
  /** @throws Error if the setting lacks a model the method needs */
  create: (setting: MethodSetting) => Method;
}
