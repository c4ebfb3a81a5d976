import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import type { Batch } from '../data/batch';
import type { Weights } from '../models/weights';
import type { OptimizerState } from '../optimizers';
import type { RandomStream } from '../random';

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
}

export interface StepInputs {
  batch: Batch;
  /** null where the method uses no quiz set. */
  quiz: Batch | null;
  /** Logits of a frozen teacher on the batch, [b, c]; null where the teacher learns or is absent. */
  teacherLogits: Tensor2D | null;
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
 * One step of a method: pure in its tensors. The caller runs it in a `tf.tidy` and disposes of the old state.
 * Methods close over the models and hyper-parameters; everything that changes goes in and comes out.
 */
export type Step = (state: TrainingState, inputs: StepInputs) => StepOutcome;
