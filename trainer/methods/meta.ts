import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { distillationAt } from '../losses';
import { withPullback } from '../numeric/gradients';
import { present, studentLearning, teacherLearning } from './learning';
import { metaGradient } from './meta-gradient';
import type { MethodDefinition } from './method';
import { initialPilotState, pilotOf } from './pilot';
import { distilStudent } from './student-step';

/**
 * Meta-distillation (MetaDistil, Zhou et al., 2022), for meta-full and meta-lora, which differ in the part of the teacher that
 * learns. Every step, on a train batch (x, y) and a quiz batch (x_Q, y_Q):
 *
 *     1  pilot     theta' = U(theta_S, grad_{theta_S} L(x, y; theta_S, theta_T))
 *     2  teacher   theta_T <- optimizer step on grad_{theta_T} CE(x_Q, y_Q; theta'(theta_T))
 *     3  student   theta' is discarded; theta_S <- optimizer step on grad L(x, y; theta_S, updated theta_T)
 *
 * The teacher is in evaluation mode and never trains on the task loss. A step costs two forward passes and one backward pass of the
 * teacher; the student three forward-and-backward and two forward passes, all on x with the same dropout masks.
 */
export const metaDistillation: MethodDefinition = {
  create: (setting) => {
    const { parameters } = setting;
    const student = present(setting.student, 'a student');
    const teacher = present(setting.teacher, 'a teacher');
    const studentRule = studentLearning(setting);
    const teacherRule = teacherLearning(setting, null);
    const distillationOfStep = distillationAt(parameters, setting.totalSteps);
    const pilot = pilotOf(parameters);
    return {
      begin: (weights) => {
        const studentWeights = present(weights.student, 'student weights');
        return {
          student: studentRule.begin(studentWeights),
          teacher: teacherRule.begin(present(weights.teacher, 'teacher weights')),
          pilot: initialPilotState(pilot, studentWeights),
        };
      },
      step: (state, inputs) => {
        const { batch, step, random } = inputs;
        const quiz = present(inputs.quiz, 'a quiz batch');
        const studentLearner = present(state.student, 'a student');
        const teacherLearner = present(state.teacher, 'a teacher that learns');
        const distillation = distillationOfStep(step);
        const labels = tf.tensor1d(batch.labels, 'int32');
        const studentLogits = student(batch, random.substream('student'));
        const teacherLogits = teacher(batch, null);

        // 1  pilot: the gradient of its quiz loss at the teacher's logits, pulled back through the teacher
        const { gradients, seeded } = withPullback(teacherLogits, teacherLearner.weights, (logits) => {
          const { gradient, quizLoss, pilotState } = metaGradient(
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
          const norm = tf.norm(gradient) as Scalar;
          return {
            seed: parameters.normaliseMetaGradient ? normalised(gradient, norm) : gradient,
            norm,
            quizLoss,
            pilotState,
          };
        });

        // 2  teacher
        const nextTeacher = teacherRule.advance(teacherLearner, gradients, step).learner;

        // 3  student
        const updatedLogits = tf.tidy(() => teacherLogits(nextTeacher.weights));
        const nextStudent = distilStudent(
          studentRule,
          distillation,
          studentLearner,
          studentLogits,
          updatedLogits,
          labels,
          step,
        );
        return {
          state: { student: nextStudent.learner, teacher: nextTeacher, pilot: seeded.pilotState },
          figures: {
            ...nextStudent.figures,
            [metricNames.metaGradientNorm]: seeded.norm,
            [metricNames.quizLoss]: seeded.quizLoss,
          },
        };
      },
    };
  },
};

/** A gradient of 0 stays 0; NaN stays NaN. */
const normalised = (gradient: Tensor2D, norm: Scalar): Tensor2D => tf.div(gradient, tf.add(norm, 1e-16));
