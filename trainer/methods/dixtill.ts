import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { padded } from '../ops/attention-pool';
import { cosine, hintedStudent } from './hinted-student';
import { present } from './learning';
import type { Method, MethodSetting } from './method';

/**
 * DiXtill (Cantini et al., 2024), distillation with explanations: the student's attention imitates what words did for the teacher's prediction,
 *
 *     (1 - alpha) CE + alpha ( dixtill-kl + XAI ),   XAI = mean_b 1/2 (1 - cos(sigma_T, sigma_S))
 *
 * sigma_S are the student's attention scores before the softmax, sigma_T the Integrated Gradients of the teacher's predicted
 * class, one number a word each, 0 beyond the end of a text.
 */
export function dixtill(setting: MethodSetting): Method {
  return hintedStudent(setting, () => ({
    loss: 'dixtill-kl',
    weight: setting.parameters.alpha,
    projections: () => ({}),
    distance: ({ attention }, attributions) => {
      const { scores, places } = present(attention, 'a student with attention');
      const similarity = cosine(padded(scores, places), padded(attributions, places)); // [b, 1]
      return tf.mul<Scalar>(tf.sub(1, tf.mean(similarity)), 0.5);
    },
  }));
}
