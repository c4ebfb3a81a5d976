import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { crossEntropy } from '../losses';
import { withPullback } from '../numeric/gradients';
import { present, studentLearning } from './learning';
import type { Method, MethodSetting } from './method';

/** Training from scratch: theta_S <- optimizer step on grad CE(x, y; theta_S). */
export function scratch(setting: MethodSetting): Method {
  const student = present(setting.student, 'a student');
  const learning = studentLearning(setting);
  return {
    begin: (weights) => ({
      student: learning.begin(present(weights.student, 'student weights')),
      teacher: null,
      pilot: null,
    }),
    step: (state, { batch, step, random }) => {
      const learner = present(state.student, 'a student');
      const labels = tf.tensor1d(batch.labels, 'int32');
      const { gradients, seeded } = withPullback(
        student(batch, random.substream('student')),
        learner.weights,
        (logits) => {
          const { value, gradient } = crossEntropy(logits, labels);
          return { seed: gradient, loss: value };
        },
      );
      const next = learning.advance(learner, gradients, step);
      return {
        state: { student: next.learner, teacher: null, pilot: null },
        figures: {
          [metricNames.trainLoss]: seeded.loss,
          [metricNames.trainCrossEntropy]: tf.clone(seeded.loss),
          [metricNames.gradientNorm]: next.gradientNorm,
          [metricNames.learningRate]: tf.scalar(learning.learningRate(step)),
        },
      };
    },
  };
}
