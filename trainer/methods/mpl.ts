import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { withPullback } from '../gradients';
import { crossEntropy, distillationAt } from '../losses';
import { type Pilot, pilotUpdate } from '../meta-gradient';
import type { Logits } from '../models/weights';
import type { OptimizerState } from '../optimizers';
import type { RandomStream } from '../random';
import { distilStudent } from './distilled-student';
import { beginPilot, present, studentLearning, teacherLearning } from './learning';
import type { Learner, Method, MethodSetting } from './method';

/**
 * The scalar feedback of Meta Pseudo Labels (Pham et al., 2021) in the place of the meta-gradient, all else as in meta.ts: a
 * cheap baseline that tells what the exact gradient is worth. Every step, on (x, y) and a quiz batch (x_Q, y_Q):
 *
 *     1  pilot     yhat ~ softmax(z_T);  theta' = U(theta_S, grad_{theta_S} CE(x, yhat; theta_S))
 *     2  teacher   h = CE(x_Q, y_Q; theta_S) - CE(x_Q, y_Q; theta');
 *                  theta_T <- optimizer step on h / lambda * grad_{theta_T} CE(yhat, z_T)
 *     3  student   theta' is discarded; theta_S <- optimizer step on grad L(x, y; theta_S, updated theta_T)
 *
 * One number says how good all pseudo labels of the batch were together: a REINFORCE estimate of the gradient, where meta.ts
 * has a derivative for every logit. h is in proportion to the pilot's learning rate lambda, which is divided out so that an
 * Adam-type optimizer's epsilon does not meet it. The paper's student keeps theta'; here it learns from the labels and the
 * teacher as every other student does, so that runs differ in the teacher's signal alone.
 */
export function metaPseudoLabels(setting: MethodSetting): Method {
  const { parameters } = setting;
  const student = present(setting.student, 'a student');
  const teacher = present(setting.teacher, 'a teacher');
  const learning = { student: studentLearning(setting), teacher: teacherLearning(setting, null) };
  const distillation = distillationAt(parameters, setting.totalSteps);
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
      const quiz = present(inputs.quiz, 'a quiz batch');
      const studentLearner = present(state.student, 'a student');
      const teacherLearner = present(state.teacher, 'a teacher that learns');
      const studentLogits = student(batch, random.substream('student'));
      const teacherLogits = teacher(batch, null);

      // 1 and 2
      const { gradients, seeded } = withPullback(teacherLogits, teacherLearner.weights, (logits) => {
        const pseudoLabels = drawLabels(logits, random.substream('pseudo labels'));
        const problem = {
          student: studentLogits,
          quizLoss: quizLossOf(student(quiz, random.substream('student', 'quiz')), tf.tensor1d(quiz.labels, 'int32')),
        };
        const { feedback, quizLoss, pilotState } = feedbackOn(
          pseudoLabels,
          problem,
          studentLearner,
          pilot,
          state.pilot,
        );
        const { gradient } = crossEntropy(logits, pseudoLabels);
        return { seed: tf.mul<Tensor2D>(gradient, feedback), feedback, quizLoss, pilot: pilotState };
      });
      const nextTeacher = learning.teacher.advance(teacherLearner, gradients, step).learner;

      // 3
      const updatedLogits = tf.tidy(() => teacherLogits(nextTeacher.weights));
      const nextStudent = distilStudent(
        learning.student,
        distillation(step),
        studentLearner,
        studentLogits,
        updatedLogits,
        tf.tensor1d(batch.labels, 'int32'),
        step,
      );
      return {
        state: { student: nextStudent.learner, teacher: nextTeacher, pilot: seeded.pilot },
        figures: {
          ...nextStudent.figures,
          [metricNames.quizLoss]: seeded.quizLoss,
          [metricNames.studentFeedback]: seeded.feedback,
        },
      };
    },
  };
}

/**
 * One label an example from softmax(logits), by the Gumbel trick: the largest of z_c - log(-log U_c), U uniform in (0, 1).
 *
 * @param logits [b, c]
 * @returns int32 [b]
 */
export function drawLabels(logits: Tensor2D, random: RandomStream): Tensor1D {
  return tf.tidy(() => {
    const uniform = random.fillUniform(new Float32Array(logits.size), 2 ** -25, 1);
    const noise = uniform.map((u) => -Math.log(-Math.log(u)));
    return tf.argMax(tf.add(logits, tf.tensor2d(noise, logits.shape)), 1);
  });
}

const quizLossOf =
  (logits: Logits, labels: Tensor1D) =>
  (weights: Learner['weights']): Scalar =>
    tf.tidy(() => crossEntropy(logits(weights), labels).value);

/** h / lambda: by how much the quiz loss fell in a pilot step of the student on these labels. */
function feedbackOn(
  labels: Tensor1D,
  { student, quizLoss }: { student: Logits; quizLoss: (weights: Learner['weights']) => Scalar },
  { weights }: Learner,
  pilot: Pilot,
  pilotState: OptimizerState | null,
): { feedback: Scalar; quizLoss: Scalar; pilotState: OptimizerState | null } {
  const { gradients } = withPullback(student, weights, (logits) => ({ seed: crossEntropy(logits, labels).gradient }));
  const { updated, state } = pilotUpdate(pilot, weights, pilotState, gradients);
  const after = quizLoss(updated);
  const feedback = tf.div<Scalar>(tf.sub(quizLoss(weights), after), pilot.learningRate);
  return { feedback, quizLoss: after, pilotState: state };
}
