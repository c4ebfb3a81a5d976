import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import type { Parameters } from '../../contract/parameters';
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
  /** The learning part of the teacher (all of it, LoRA matrices, ...); null where the teacher is frozen or absent. */
  teacher: Learner | null;
  /** Moments of the pilot gradients, in meta methods with an RMSprop or Adam pilot; null elsewhere. */
  pilot: OptimizerState | null;
}

export interface StepInputs {
  batch: Batch;
  /** null where the method uses no quiz set. */
  quiz: Batch | null;
  /** Logits of a frozen teacher on the batch, [b, c]; null where the teacher learns or is absent. */
  teacherLogits: Tensor2D | null;
  /**
   * What a frozen teacher tells of its inside, left out where the method does not ask. pkd: [CLS] after its layers, side by side
   * [b, m d]; distilbert: the last [CLS] [b, d]; tinybert: 1 or 0, embedding and last state of every word [n, 1 + 2d];
   * dixtill: attribution of every word [n, 1].
   */
  hints?: Tensor2D | null;
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

/** What methods need that imitate the inside of a frozen teacher. */
export interface HintSetting {
  student: StateReader;
  /** Sizes of both models. */
  sizes: Readonly<Record<Role, ModelSizes>>;
  /** Where training-only projections are drawn from. */
  random: RandomStream;
}

/** What `createMethod` makes: how training begins, and its step. */
export interface Method {
  /** The state before the first step. It takes over the given tensors (learning weights only) and adds its own. */
  begin(weights: { student: Weights | null; teacher: Weights | null }): TrainingState;
  step: Step;
}

/** What a method is made from. */
export interface MethodSetting {
  parameters: Parameters;
  /** Steps of the whole run: epochs times steps an epoch. */
  totalSteps: number;
  /** null in fine-tuning. */
  student: Classifier | null;
  /** null where the teacher is absent or frozen. */
  teacher: Classifier | null;
  /** Left out where the method does not imitate the inside of a teacher. */
  hints?: HintSetting | null;
}
