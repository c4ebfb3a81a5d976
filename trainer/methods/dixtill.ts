import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { distillationOf } from '../losses';
import { padded } from '../ops/attention-pool';
import { cosine, hintNamed, imitateTeacher } from './imitation';
import { present, studentLearning } from './learning';
import type { MethodDefinition } from './method';

/**
 * DiXtill (Cantini et al., 2024), distillation with explanations: the student's attention imitates how much each word did for the
 * teacher's prediction,
 *
 *     (1 - alpha) CE + alpha ( dixtill-kl + XAI ),   XAI = mean_b 1/2 (1 - cos(sigma_T, sigma_S))
 *
 * sigma_S are the student's attention scores before the softmax, sigma_T the Integrated Gradients of the teacher's predicted
 * class, one number a word each, 0 beyond the end of a text.
 */
export const dixtill: MethodDefinition = {
  hints: ({ attributionSteps }) => ({ kind: 'attributions', steps: attributionSteps }),
  create: (setting) => {
    const { parameters } = setting;
    const { student } = present(setting.hints ?? null, 'the states of a student and a teacher');
    const learning = studentLearning(setting);
    const distillation = { ...distillationOf(parameters), loss: 'dixtill-kl' as const };
    return {
      begin: (weights) => ({
        student: learning.begin(present(weights.student, 'student weights')),
        teacher: null,
        pilot: null,
      }),
      step: (state, inputs) => {
        const states = student(inputs.batch, inputs.random.substream('student'));
        return imitateTeacher(
          learning,
          {
            distillation,
            weight: parameters.alpha,
            hint: ({ attention }, hints) => {
              const { scores, places } = present(attention, 'a student with attention');
              const attributions = padded(hintNamed(hints, 'attributions'), places); // [b, t]
              const similarity = cosine(padded(scores, places), attributions); // [b, 1]
              return tf.mul<Scalar>(tf.sub(1, tf.mean(similarity)), 0.5);
            },
          },
          states,
          state,
          inputs,
        );
      },
    };
  },
};
