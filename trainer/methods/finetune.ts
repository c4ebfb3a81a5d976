import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { crossEntropy } from '../losses';
import { withPullback } from '../numeric/gradients';
import { present, teacherLearning } from './learning';
import type { Method, MethodSetting } from './method';

/**
 * Fine-tuning of the teacher on the task, theta_T <- optimizer step on grad CE(x, y; theta_T), with dropout. Full or LoRA: what
 * learns is what it is given.
 */
export function finetune(setting: MethodSetting): Method {
  const teacher = present(setting.teacher, 'a teacher');
  const learning = teacherLearning(setting, setting.parameters.gradientClipping);
  return {
    begin: (weights) => ({
      student: null,
      teacher: learning.begin(present(weights.teacher, 'teacher weights')),
      pilot: null,
    }),
    step: (state, { batch, step, random }) => {
      const learner = present(state.teacher, 'a teacher that learns');
      const labels = tf.tensor1d(batch.labels, 'int32');
      const { gradients, seeded } = withPullback(
        teacher(batch, random.substream('teacher')),
        learner.weights,
        (logits) => {
          const { value, gradient } = crossEntropy(logits, labels);
          return { seed: gradient, loss: value };
        },
      );
      const next = learning.advance(learner, gradients, step);
      return {
        state: { student: null, teacher: next.learner, pilot: null },
        figures: {
          [metricNames.trainLoss]: seeded.loss,
          [metricNames.gradientNorm]: next.gradientNorm,
          [metricNames.learningRate]: tf.scalar(learning.learningRate(step)),
        },
      };
    },
  };
}
