import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import type { Role } from '../data/batch';
import { crossEntropy } from '../losses';
import { withPullback } from '../numeric/gradients';
import { present, studentLearning, teacherLearning } from './learning';
import type { Method, MethodDefinition, MethodSetting, TrainingState } from './method';

/** Training from scratch: theta_S <- optimizer step on grad CE(x, y; theta_S). */
export const scratch: MethodDefinition = {
  create: (setting) => supervised('student', setting),
};

/**
 * Fine-tuning of the teacher on the task, theta_T <- optimizer step on grad CE(x, y; theta_T), with dropout. Full or partly: the
 * weights it is given are those that learn.
 */
export const finetune: MethodDefinition = {
  create: (setting) => supervised('teacher', setting),
};

/** Learning from the labels alone, for either model. */
function supervised(role: Role, setting: MethodSetting): Method {
  const model = present(setting[role], `a ${role}`);
  const learning =
    role === 'student' ? studentLearning(setting) : teacherLearning(setting, setting.parameters.gradientClipping);
  const nothing: TrainingState = { student: null, teacher: null, pilot: null };
  return {
    begin: (weights) => ({ ...nothing, [role]: learning.begin(present(weights[role], `${role} weights`)) }),
    step: (state, { batch, step, random }) => {
      const learner = present(state[role], `a ${role} that learns`);
      const labels = tf.tensor1d(batch.labels, 'int32');
      const { gradients, seeded } = withPullback(model(batch, random.substream(role)), learner.weights, (logits) => {
        const { value, gradient } = crossEntropy(logits, labels);
        return { seed: gradient, loss: value };
      });
      const next = learning.advance(learner, gradients, step);
      return {
        state: { ...nothing, [role]: next.learner },
        figures: {
          [metricNames.trainLoss]: seeded.loss,
          // The same number again, under the name by which distilled students log it.
          ...(role === 'student' && { [metricNames.trainCrossEntropy]: tf.clone(seeded.loss) }),
          [metricNames.gradientNorm]: next.gradientNorm,
          [metricNames.learningRate]: tf.scalar(learning.learningRate(step)),
        },
      };
    },
  };
}
