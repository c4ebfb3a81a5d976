import * as tf from '@tensorflow/tfjs-core';
import { distillationAt } from '../losses';
import { present, studentLearning } from './learning';
import type { MethodDefinition } from './method';
import { distilStudent } from './student-step';

/**
 * Knowledge distillation (Hinton et al., 2015): theta_S <- optimizer step on grad L(x, y; theta_S, theta_T) with a frozen
 * teacher, whose logits come with the batch: they never change, so they are computed once.
 */
export const kd: MethodDefinition = {
  create: (setting) => {
    const student = present(setting.student, 'a student');
    const learning = studentLearning(setting);
    const distillation = distillationAt(setting.parameters, setting.totalSteps);
    return {
      begin: (weights) => ({
        student: learning.begin(present(weights.student, 'student weights')),
        teacher: null,
        pilot: null,
      }),
      step: (state, { batch, teacherLogits, step, random }) => {
        const { learner, figures } = distilStudent(
          learning,
          distillation(step),
          present(state.student, 'a student'),
          student(batch, random.substream('student')),
          present(teacherLogits, "the teacher's logits"),
          tf.tensor1d(batch.labels, 'int32'),
          step,
        );
        return { state: { student: learner, teacher: null, pilot: null }, figures };
      },
    };
  },
};
