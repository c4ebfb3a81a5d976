import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { withPullback } from '../gradients';
import { distillationAt } from '../losses';
import { metaGradient, type Pilot } from '../meta-gradient';
import { distilStudent } from './distilled-student';
import { beginPilot, present, studentLearning, teacherLearning } from './learning';
import type { Method, MethodSetting } from './method';

/**
 * Meta-distillation (MetaDistil, Zhou et al., 2022), for meta-full and meta-lora, which differ in what of the teacher learns.
 * Every step, on a train batch (x, y) and a quiz batch (x_Q, y_Q):
 *
 *     1  pilot     theta' = U(theta_S, grad_{theta_S} L(x, y; theta_S, theta_T))
 *     2  teacher   theta_T <- optimizer step on grad_{theta_T} CE(x_Q, y_Q; theta'(theta_T))
 *     3  student   theta' is discarded; theta_S <- optimizer step on grad L(x, y; theta_S, updated theta_T)
 *
 * The teacher is in evaluation mode and never trains on the task loss. It costs two forward passes and one backward
 * pass a step; the student three forward-and-backward and two forward passes, all on x with the same dropout masks.
 */
export function metaDistillation(setting: MethodSetting): Method {
  const { parameters } = setting;
  const student = present(setting.student, 'a student');
  const teacher = present(setting.teacher, 'a teacher');
  const learning = { student: studentLearning(setting), teacher: teacherLearning(setting, null) };
  const distillationOfStep = distillationAt(parameters, setting.totalSteps);
  const pilot: Pilot = { optimizer: parameters.pilotOptimizer, learningRate: parameters.pilotLearningRate };
  return {
    begin: (weights) => {
      const studentWeights = present(weights.student, 'student weights');
      return {
        student: learning.student.begin(studentWeights),
        teacher: learning.teacher.begin(present(weights.teacher, 'teacher weights')),
        pilot: beginPilot(pilot, studentWeights),
      };
    },
    step: (state, inputs) => {
      const { batch, step, random } = inputs;
      const distillation = distillationOfStep(step);
      const quiz = present(inputs.quiz, 'a quiz batch');
      const studentLearner = present(state.student, 'a student');
      const teacherLearner = present(state.teacher, 'a teacher that learns');
      const labels = tf.tensor1d(batch.labels, 'int32');
      const studentLogits = student(batch, random.substream('student'));
      const teacherLogits = teacher(batch, null);

      // 1 and 2: the pilot update happens between the teacher's forward and its backward pass.
      const { gradients, seeded } = withPullback(teacherLogits, teacherLearner.weights, (logits) => {
        const meta = metaGradient(
          {
            student: studentLogits,
            studentOnQuiz: student(quiz, random.substream('student', 'quiz')),
            weights: studentLearner.weights,
            labels,
            quizLabels: tf.tensor1d(quiz.labels, 'int32'),
            distillation,
            pilot,
            pilotState: state.pilot,
          },
          logits,
        );
        const norm = tf.norm(meta.gradient) as Scalar;
        return {
          seed: parameters.normaliseMetaGradient ? normalised(meta.gradient, norm) : meta.gradient,
          norm,
          quizLoss: meta.quizLoss,
          pilot: meta.pilotState,
        };
      });
      const nextTeacher = learning.teacher.advance(teacherLearner, gradients, step).learner;

      // 3
      const updatedLogits = tf.tidy(() => teacherLogits(nextTeacher.weights));
      const nextStudent = distilStudent(
        learning.student,
        distillation,
        studentLearner,
        studentLogits,
        updatedLogits,
        labels,
        step,
      );
      return {
        state: { student: nextStudent.learner, teacher: nextTeacher, pilot: seeded.pilot },
        figures: {
          ...nextStudent.figures,
          [metricNames.quizLoss]: seeded.quizLoss,
          [metricNames.metaGradientNorm]: seeded.norm,
        },
      };
    },
  };
}

/** A gradient of 0 stays 0; NaN stays NaN. */
const normalised = (gradient: Tensor2D, norm: Scalar): Tensor2D => tf.div(gradient, tf.add(norm, 1e-16));
