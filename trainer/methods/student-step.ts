import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { type Distillation, studentLoss } from '../losses';
import { withPullback } from '../numeric/gradients';
import type { Logits } from '../numeric/weights';
import type { LearningRule } from './learning';
import type { Learner } from './method';

/**
 * The step of every distilled student: theta_S <- optimizer step on grad_{theta_S} L(x, y; theta_S, theta_T).
 *
 * @param student z_S on the train batch
 * @param teacherLogits z_T [b, c], a constant
 * @param labels int32 [b]
 * @param step steps done before this one
 */
export function distilStudent(
  learning: LearningRule,
  distillation: Distillation,
  learner: Learner,
  student: Logits,
  teacherLogits: Tensor2D,
  labels: Tensor1D,
  step: number,
): { learner: Learner; figures: Record<string, Scalar> } {
  const { gradients, seeded: loss } = withPullback(student, learner.weights, (studentLogits) => {
    const { gradient, ...values } = studentLoss(distillation, studentLogits, teacherLogits, labels);
    return { seed: gradient, ...values };
  });
  const next = learning.advance(learner, gradients, step);
  return {
    learner: next.learner,
    figures: {
      [metricNames.trainLoss]: loss.value,
      [metricNames.trainCrossEntropy]: loss.crossEntropy,
      [metricNames.trainDistillation]: loss.distillation,
      [metricNames.gradientNorm]: next.gradientNorm,
      [metricNames.learningRate]: tf.scalar(learning.learningRate(step)),
    },
  };
}
