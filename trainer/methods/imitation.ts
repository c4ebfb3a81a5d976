import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { type Distillation, studentLoss } from '../losses';
import { type ModelStates, trainingOnly } from '../models/model';
import { withPullback } from '../numeric/gradients';
import type { RandomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { differentiable } from '../ops/differentiable';
import { linear } from '../ops/linear';
import { type LearningRule, present } from './learning';
import type { Hints, StepInputs, StepOutcome, TrainingState } from './method';

/** What a student learns that imitates the inside of a frozen teacher: alpha KD + (1 - alpha) CE + weight * hint. */
export interface Imitation {
  distillation: Distillation;
  /** Weight of the hint loss. */
  weight: number;
  /** The hint loss, a scalar, from the student's states and the hints of the batch. `weights` hold the projections. */
  hint: (student: ModelStates, hints: Hints, weights: Weights) => Scalar;
}

/**
 * One step of a student that imitates the inside of its teacher:
 * theta_S <- optimizer step on grad (alpha KD(z_S, z_T) + (1 - alpha) CE(z_S, y) + weight * hint). Projections are among theta_S;
 * a saved student leaves them out.
 *
 * @param student the student's states on the batch
 */
export function imitateTeacher(
  learning: LearningRule,
  { distillation, weight, hint }: Imitation,
  student: (weights: Weights) => ModelStates,
  state: TrainingState,
  inputs: StepInputs,
): StepOutcome {
  const learner = present(state.student, 'a student');
  const teacherLogits = present(inputs.teacherLogits, "the teacher's logits");
  const hints = present(inputs.hints ?? null, "the teacher's hints");
  const labels = tf.tensor1d(inputs.batch.labels, 'int32');
  const forward = (weights: Weights): Tensor1D => {
    const states = student(weights);
    const distance = hint(states, hints, weights);
    const taped = tapedStudentLoss(distillation, states.logits, teacherLogits, labels);
    return tf.concat([taped, tf.reshape(distance, [1])]); // loss, its two parts, hint
  };
  const { value, gradients } = withPullback(forward, learner.weights, () => ({ seed: tf.tensor1d([1, 0, 0, weight]) }));
  const [loss, crossEntropy, soft, distance] = tf.unstack(value) as [Scalar, Scalar, Scalar, Scalar];
  const next = learning.advance(learner, gradients, inputs.step);
  return {
    state: { student: next.learner, teacher: null, pilot: null },
    figures: {
      [metricNames.trainLoss]: tf.add<Scalar>(loss, tf.mul(distance, weight)),
      [metricNames.trainCrossEntropy]: crossEntropy,
      [metricNames.trainDistillation]: soft,
      [metricNames.trainHint]: distance,
      [metricNames.gradientNorm]: next.gradientNorm,
      [metricNames.learningRate]: tf.scalar(learning.learningRate(inputs.step)),
    },
  };
}

/** `studentLoss` as an operation on the tape: [loss, cross-entropy, distillation]; only the first has a gradient. */
function tapedStudentLoss(
  distillation: Distillation,
  studentLogits: Tensor2D,
  teacherLogits: Tensor2D,
  labels: Tensor1D,
): Tensor1D {
  return differentiable<'logits', Tensor1D>({
    name: 'studentLoss',
    inputs: { logits: studentLogits },
    forward: () => {
      const loss = studentLoss(distillation, studentLogits, teacherLogits, labels);
      const output = tf.stack([loss.value, loss.crossEntropy, loss.distillation]) as Tensor1D;
      return { output, saved: [loss.gradient] };
    },
    gradient: (dy, [gradient]) => ({ logits: tf.mul(gradient!, tf.slice(dy, 0, 1)) }),
  });
}

/** A projection [out, in] ~ U(-1/sqrt(in), 1/sqrt(in)), as PyTorch draws it, that is trained with the student and not saved. */
export function drawProjection(name: string, [out, into]: [number, number], random: RandomStream): Weights {
  const bound = 1 / Math.sqrt(into);
  const values = random.substream(name).fillUniform(new Float32Array(out * into), -bound, bound);
  return { [trainingOnly(name)]: tf.tensor2d(values, [out, into]) };
}

/** x through the projection of that name. @param x [n, in] @returns [n, out] */
export const project = (weights: Weights, name: string, x: Tensor2D): Tensor2D =>
  linear(x, { weight: weights[trainingOnly(name)] as Tensor2D, bias: null });

/** A hint of the batch. @throws Error if it was not computed */
export const hintNamed = (hints: Hints, name: string): Tensor2D => present(hints[name] ?? null, `the hint ${name}`);

/** <x, y> / (|x| |y|) of every row, [n, 1]; 0 for a row that is all but 0. */
export function cosine(x: Tensor2D, y: Tensor2D): tf.Tensor {
  const squares = (of: Tensor2D) => tf.add(tf.sum(tf.square(of), 1, true), 1e-12);
  return tf.div(tf.sum(tf.mul(x, y), 1, true), tf.sqrt(tf.mul(squares(x), squares(y))));
}
