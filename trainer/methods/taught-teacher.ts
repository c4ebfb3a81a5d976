import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { type Distillation, distillationAt } from '../losses';
import { withPullback } from '../numeric/gradients';
import { createOptimizer, type OptimizerState } from '../numeric/optimizers';
import type { RandomStream } from '../numeric/random';
import { distilStudent } from './distilled-student';
import { present, studentLearning, teacherLearning } from './learning';
import type { Pilot, PilotProblem } from './meta-gradient';
import type { Method, MethodSetting } from './method';

/** What a teacher learns from: the gradient at its logits on the train batch, and what it took to find it. */
export interface TeacherSignal {
  /** [b, c] */
  seed: Tensor2D;
  /** Of the student after the pilot update. */
  quizLoss: Scalar;
  pilotState: OptimizerState | null;
  figures: Record<string, Scalar>;
}

/**
 * The step of every method that teaches its teacher. The signal makes a pilot update of the student between the teacher's
 * forward and its backward pass and is pulled back through the teacher, which takes an optimizer step; the pilot's outcome is
 * discarded, and the student learns from the updated teacher, theta_S <- optimizer step on grad L(x, y; theta_S, theta_T).
 * The teacher is in evaluation mode and never trains on the task loss.
 *
 * @param signal of the teacher's logits z_T, and random numbers of its own
 */
export function taughtTeacher(
  setting: MethodSetting,
  signal: (problem: PilotProblem, teacherLogits: Tensor2D, random: RandomStream) => TeacherSignal,
): Method {
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
        pilot:
          pilot.optimizer === 'sgd' ? null : createOptimizer({ name: pilot.optimizer }).initialState(studentWeights),
      };
    },
    step: (state, inputs) => {
      const { batch, step, random } = inputs;
      const quiz = present(inputs.quiz, 'a quiz batch');
      const studentLearner = present(state.student, 'a student');
      const teacherLearner = present(state.teacher, 'a teacher that learns');
      const distillation: Distillation = distillationOfStep(step);
      const labels: Tensor1D = tf.tensor1d(batch.labels, 'int32');
      const studentLogits = student(batch, random.substream('student'));
      const teacherLogits = teacher(batch, null);

      const problem = (): PilotProblem => ({
        student: studentLogits,
        studentOnQuiz: student(quiz, random.substream('student', 'quiz')),
        weights: studentLearner.weights,
        labels,
        quizLabels: tf.tensor1d(quiz.labels, 'int32'),
        distillation,
        pilot,
        pilotState: state.pilot,
      });
      const { gradients, seeded } = withPullback(teacherLogits, teacherLearner.weights, (logits) => ({
        ...signal(problem(), logits, random.substream('teacher signal')),
      }));
      const nextTeacher = learning.teacher.advance(teacherLearner, gradients, step).learner;

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
        state: { student: nextStudent.learner, teacher: nextTeacher, pilot: seeded.pilotState },
        figures: { ...nextStudent.figures, ...seeded.figures, [metricNames.quizLoss]: seeded.quizLoss },
      };
    },
  };
}
