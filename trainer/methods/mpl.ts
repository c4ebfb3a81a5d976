import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { crossEntropy } from '../losses';
import { withPullback } from '../numeric/gradients';
import type { RandomStream } from '../numeric/random';
import type { Weights } from '../numeric/weights';
import { type PilotProblem, pilotUpdate } from './meta-gradient';
import type { Method, MethodSetting } from './method';
import { taughtTeacher } from './taught-teacher';

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
  return taughtTeacher(setting, (problem, teacherLogits, random) => {
    const pseudoLabels = drawLabels(teacherLogits, random);
    const { feedback, quizLoss, pilotState } = feedbackOn(pseudoLabels, problem);
    const seed = tf.mul<Tensor2D>(crossEntropy(teacherLogits, pseudoLabels).gradient, feedback);
    return { seed, quizLoss, pilotState, figures: { [metricNames.studentFeedback]: feedback } };
  });
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

/** h / lambda: by how much the quiz loss fell in a pilot step of the student on these labels; and that loss after it. */
function feedbackOn(labels: Tensor1D, problem: PilotProblem) {
  const { student, studentOnQuiz, weights, quizLabels, pilot } = problem;
  const quizLoss = (of: Weights): Scalar => tf.tidy(() => crossEntropy(studentOnQuiz(of), quizLabels).value);
  const { gradients } = withPullback(student, weights, (logits) => ({ seed: crossEntropy(logits, labels).gradient }));
  const { updated, state } = pilotUpdate(pilot, weights, problem.pilotState, gradients);
  const after = quizLoss(updated);
  const feedback = tf.div<Scalar>(tf.sub(quizLoss(weights), after), pilot.learningRate);
  return { feedback, quizLoss: after, pilotState: state };
}
