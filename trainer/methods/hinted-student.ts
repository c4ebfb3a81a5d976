import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import type { Batch } from '../data/batch';
import { type Distillation, distillationOf, studentLoss } from '../losses';
import { type ModelStates, trainingOnly } from '../models/model';
import { withPullback } from '../numeric/gradients';
import type { RandomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { differentiable } from '../ops/differentiable';
import { linear } from '../ops/linear';
import { present, studentLearning } from './learning';
import type { HintSetting, Method, MethodSetting } from './method';

/** A method that imitates the inside of a frozen teacher: what it adds to distillation. */
export interface Hint {
  loss: Distillation['loss'];
  /** Weight of the hint beside alpha KD + (1 - alpha) CE. */
  weight: number;
  /** Projections that are learnt with the student and thrown away after training, drawn anew. */
  projections: (random: RandomStream) => Weights;
  /** The hint's loss, a scalar, of the student's states and what the teacher tells of the batch. */
  distance: (student: ModelStates, teacher: Tensor2D, weights: Weights, batch: Batch) => Scalar;
}

/**
 * The step of these methods: theta_S <- optimizer step on grad (alpha KD(z_S, z_T) + (1 - alpha) CE(z_S, y) + weight * hint).
 * The projections are among theta_S; what is exported leaves them out.
 */
export function hintedStudent(setting: MethodSetting, hintOf: (setting: HintSetting) => Hint): Method {
  const hints = present(setting.hints ?? null, 'the states of a student and a teacher');
  const learning = studentLearning(setting);
  const hint = hintOf(hints);
  const distillation: Distillation = { ...distillationOf(setting.parameters), loss: hint.loss };
  return {
    begin: (weights) => ({
      student: learning.begin({
        ...present(weights.student, 'student weights'),
        ...hint.projections(hints.random),
      }),
      teacher: null,
      pilot: null,
    }),
    step: (state, inputs) => {
      const { batch, step, random } = inputs;
      const learner = present(state.student, 'a student');
      const teacherLogits = present(inputs.teacherLogits, "the teacher's logits");
      const teacherHints = present(inputs.hints ?? null, "the teacher's hints");
      const labels = tf.tensor1d(batch.labels, 'int32');
      const states = hints.student(batch, random.substream('student'));
      const forward = (weights: Weights): Tensor1D => {
        const student = states(weights);
        const distance = hint.distance(student, teacherHints, weights, batch);
        const taped = tapedStudentLoss(distillation, student.logits, teacherLogits, labels);
        return tf.concat([taped, tf.reshape(distance, [1])]); // loss, its two parts, hint
      };
      const { value, gradients } = withPullback(forward, learner.weights, () => ({
        seed: tf.tensor1d([1, 0, 0, hint.weight]),
      }));
      const [loss, crossEntropy, soft, distance] = tf.unstack(value) as [Scalar, Scalar, Scalar, Scalar];
      const next = learning.advance(learner, gradients, step);
      return {
        state: { student: next.learner, teacher: null, pilot: null },
        figures: {
          [metricNames.trainLoss]: tf.add<Scalar>(loss, tf.mul(distance, hint.weight)),
          [metricNames.trainCrossEntropy]: crossEntropy,
          [metricNames.trainDistillation]: soft,
          [metricNames.trainHint]: distance,
          [metricNames.gradientNorm]: next.gradientNorm,
          [metricNames.learningRate]: tf.scalar(learning.learningRate(step)),
        },
      };
    },
  };
}

/** `studentLoss` as an operation on the tape: [loss, cross-entropy, distillation], of which the first has a gradient. */
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

/** A training-only projection [out, in] ~ U(-1/sqrt(in), 1/sqrt(in)), as PyTorch draws it. */
export function drawProjection(name: string, [out, into]: [number, number], random: RandomStream): Weights {
  const bound = 1 / Math.sqrt(into);
  const values = random.substream(name).fillUniform(new Float32Array(out * into), -bound, bound);
  return { [trainingOnly(name)]: tf.tensor2d(values, [out, into]) };
}

/** x through the projection of that name. @param x [n, in] @returns [n, out] */
export const project = (weights: Weights, name: string, x: Tensor2D): Tensor2D =>
  linear(x, { weight: weights[trainingOnly(name)] as Tensor2D, bias: null });

/** <x, y> / (|x| |y|) of every row, [n, 1]; 0 where either is all but 0. */
export function cosine(x: Tensor2D, y: Tensor2D): tf.Tensor {
  const squares = (of: Tensor2D) => tf.add(tf.sum(tf.square(of), 1, true), 1e-12);
  return tf.div(tf.sum(tf.mul(x, y), 1, true), tf.sqrt(tf.mul(squares(x), squares(y))));
}
