import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { distillationOf } from '../losses';
import { cosine, drawProjection, hintNamed, imitateTeacher, project } from './imitation';
import { present, studentLearning } from './learning';
import type { MethodDefinition } from './method';

/**
 * Distillation in the style of DistilBERT (Sanh et al., 2019): soft cross-entropy, cross-entropy, and the angle between the
 * student's final state h and the teacher's last [CLS], through a projection P that is learnt with the student,
 *
 *     alpha tau² soft CE + (1 - alpha) CE + w * mean_b (1 - cos(P h, cls))
 */
export const distilbert: MethodDefinition = {
  hints: (_, teacher) => ({ kind: 'summaries', layers: [teacher.layers] }),
  create: (setting) => {
    const { parameters } = setting;
    const { student, sizes, random } = present(setting.hints ?? null, 'the states of a student and a teacher');
    const learning = studentLearning(setting);
    const distillation = { ...distillationOf(parameters), loss: 'ce' as const };
    const lastSummary = `summary.${sizes.teacher.layers}`;
    return {
      begin: (weights) => {
        const projection = drawProjection('cls', [sizes.teacher.hidden, sizes.student.hidden], random);
        const learnt = { ...present(weights.student, 'student weights'), ...projection };
        return { student: learning.begin(learnt), teacher: null, pilot: null };
      },
      step: (state, inputs) => {
        const states = student(inputs.batch, inputs.random.substream('student'));
        return imitateTeacher(
          learning,
          {
            distillation,
            weight: parameters.hintWeight,
            hint: ({ summary }, hints, weights) => {
              const projected = project(weights, 'cls', summary(sizes.student.layers)); // [b, d_T]
              return tf.sub<Scalar>(1, tf.mean(cosine(projected, hintNamed(hints, lastSummary))));
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
