import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { crossEntropy, distillationAt } from '../losses';
import { withPullback } from '../numeric/gradients';
import type { RandomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { present, studentLearning, teacherLearning } from './learning';
import { type PilotProblem, pilotUpdate } from './meta-gradient';
import type { MethodDefinition } from './method';
import { initialPilotState, pilotOf } from './pilot';
import { distilStudent } from './student-step';

/**
 * The scalar feedback of Meta Pseudo Labels (Pham et al., 2021) in place of the meta-gradient, all else as in meta.ts: a
 * cheap baseline that shows what the exact gradient is worth. Every step, on (x, y) and a quiz batch (x_Q, y_Q):
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
export const metaPseudoLabels: MethodDefinition = {
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
        const labels = tf.tensor1d(batch.labels, 'int32');
        const studentLogits = student(batch, random.substream('student'));
        const teacherLogits = teacher(batch, null);

        // 1  pilot: pseudo labels, and by how much a step on them helped on the quiz
        const { gradients, seeded } = withPullback(teacherLogits, teacherLearner.weights, (logits) => {
          const pseudoLabels = drawLabels(logits, random.substream('teacher signal'));
          const { feedback, quizLoss, pilotState } = feedbackOn(pseudoLabels, {
            student: studentLogits,
            studentOnQuiz: student(quiz, random.substream('student', 'quiz')),
            weights: studentLearner.weights,
            quizLabels: tf.tensor1d(quiz.labels, 'int32'),
            pilot,
            pilotState: state.pilot,
          });
          const seed = tf.mul<Tensor2D>(crossEntropy(logits, pseudoLabels).gradient, feedback);
          return { seed, feedback, quizLoss, pilotState };
        });

        // 2  teacher
        const nextTeacher = teacherRule.advance(teacherLearner, gradients, step).learner;

        // 3  student
        const updatedLogits = tf.tidy(() => teacherLogits(nextTeacher.weights));
        const nextStudent = distilStudent(
          studentRule,
          distillationOfStep(step),
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
            [metricNames.studentFeedback]: seeded.feedback,
            [metricNames.quizLoss]: seeded.quizLoss,
          },
        };
      },
    };
  },
};

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

/** h / lambda: how far a pilot step of the student on these labels lowers the quiz loss; and that loss after it. */
function feedbackOn(labels: Tensor1D, problem: Omit<PilotProblem, 'labels' | 'distillation'>) {
  const { student, studentOnQuiz, weights, quizLabels, pilot } = problem;
  const quizLoss = (of: Weights): Scalar => tf.tidy(() => crossEntropy(studentOnQuiz(of), quizLabels).value);
  const { gradients } = withPullback(student, weights, (logits) => ({ seed: crossEntropy(logits, labels).gradient }));
  const { updated, state } = pilotUpdate(pilot, weights, problem.pilotState, gradients);
  const after = quizLoss(updated);
  const feedback = tf.div<Scalar>(tf.sub(quizLoss(weights), after), pilot.learningRate);
  return { feedback, quizLoss: after, pilotState: state };
}
