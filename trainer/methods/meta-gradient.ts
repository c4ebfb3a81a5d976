import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { crossEntropy, type Distillation, studentLoss } from '../losses';
import { throughMixedDerivative } from '../losses/mixed-derivative';
import { withPullback } from '../numeric/gradients';
import { ADAM, createOptimizer, globalNorm, mapWeights, type OptimizerState, RMSPROP } from '../numeric/optimizers';
import type { Logits, Weights } from '../numeric/weights';

/** The optimizer of the pilot update; its settings are PyTorch's defaults. */
export interface Pilot {
  optimizer: 'sgd' | 'rmsprop' | 'adam';
  learningRate: number;
}

/** One train and one quiz batch as the student sees them. */
export interface PilotProblem {
  /** z_S on the train batch; every call uses the same dropout masks. */
  student: Logits;
  /** z_S on the quiz batch, with masks of its own. */
  studentOnQuiz: Logits;
  /** theta_S. */
  weights: Weights;
  /** int32 [b] and [quiz b]. */
  labels: Tensor1D;
  quizLabels: Tensor1D;
  distillation: Distillation;
  pilot: Pilot;
  /** The pilot optimizer's moments before this step; null for sgd, which has none. */
  pilotState: OptimizerState | null;
}

export interface MetaGradient {
  /** g_T = dCE_quiz(theta') / dz_T, [b, c]. */
  gradient: Tensor2D;
  /** CE_quiz(theta'). */
  quizLoss: Scalar;
  /** The pilot optimizer's moments after this step; null for sgd. */
  pilotState: OptimizerState | null;
}

/**
 * The gradient of the quiz loss, after a pilot update of the student, with respect to the teacher's logits on the
 * train batch (docs/methods.md, "The meta-gradient"; the algorithm is MetaDistil's, Zhou et al., 2022):
 *
 *     g      = grad_{theta_S} L(z_S, z_T, y)       theta' = U(theta_S, g)
 *     v      = grad CE_quiz at theta'              w = lambda D * v
 *     u      = J_S w                               g_T = -(d2L / dz_S dz_T)^T u
 *
 * Pulled back through the teacher, J_T^T g_T, it is the exact gradient of the unrolled objective: theta_S, the pilot's moments
 * and the dropout masks are constants, and the teacher acts through z_T alone. Costs two forward-and-backward and two
 * forward passes of the student.
 *
 * @param teacherLogits z_T [b, c]
 */
export function metaGradient(problem: PilotProblem, teacherLogits: Tensor2D): MetaGradient {
  const { student, studentOnQuiz, weights, labels, quizLabels, distillation, pilot } = problem;
  const { value: studentLogits, gradients } = withPullback(student, weights, (logits) => ({
    seed: studentLoss(distillation, logits, teacherLogits, labels).gradient,
  }));
  const { updated, state, derivative } = pilotUpdate(pilot, weights, problem.pilotState, gradients);
  const quiz = withPullback(studentOnQuiz, updated, (logits) => {
    const { value, gradient } = crossEntropy(logits, quizLabels);
    return { seed: gradient, loss: value };
  });
  const direction = derivative(quiz.gradients); // w
  const isEven = pilot.optimizer === 'sgd';
  const u =
    isEven || !student.tangent ? centralDifference(student, weights, direction) : student.tangent(weights, direction); // J_S w, [b, c]
  return {
    gradient: throughMixedDerivative(distillation, studentLogits, teacherLogits, labels, u),
    quizLoss: quiz.seeded.loss,
    pilotState: state,
  };
}

/**
 * J_S w: how the logits move along a direction, by the central difference
 * |w| (z_S(theta + eps w / |w|) - z_S(theta - eps w / |w|)) / 2 eps with eps = 0.01.
 *
 * In float32 its relative error against float64 is 6e-6 to 1e-5 along a gradient, for a BiLSTM of 50 units, 2,000 words and
 * 32 x 17 words, on both engines (with eps 0.001, 7e-5 to 9e-5; with 0.1, 1e-5 to 8e-5). Along D * v of an RMSprop or Adam
 * pilot with new moments it is useless: weights that hardly move the logits have the largest D and take all of the step.
 * So these pilots take the student's own tangent where it has one, at a few times the cost.
 *
 * @returns [b, c]
 */
export function centralDifference(logits: Logits, weights: Weights, direction: Weights): Tensor2D {
  return tf.tidy(() => {
    const norm = tf.maximum(globalNorm(direction), SMALLEST_NORM);
    const shift = mapWeights(direction, (w) => tf.mul(w, tf.div(DIFFERENCE_STEP, norm)));
    const forwards = logits(mapWeights(weights, (weight, name) => tf.add(weight, shift[name]!)));
    const backwards = logits(mapWeights(weights, (weight, name) => tf.sub(weight, shift[name]!)));
    return tf.mul(tf.sub(forwards, backwards), tf.div(norm, 2 * DIFFERENCE_STEP));
  });
}

/** Norm of the shift of all weights together: smaller drowns in float32 rounding, larger in the third derivative. */
const DIFFERENCE_STEP = 0.01;
/** Where the quiz gradient vanishes the difference is taken along almost nothing, and u is 0 instead of NaN. */
const SMALLEST_NORM = 1e-12;

/** theta' and how it depends on g: `derivative` gives w = -(d theta'/d g)^T v, which is lambda D * v. */
export interface PilotUpdate {
  updated: Weights;
  state: OptimizerState | null;
  derivative: (v: Weights) => Weights;
}

/**
 * The pilot update and its derivative. d(theta')/dg is diagonal, -lambda D; with s, m the moments before the update, s', m'
 * after it, c1, c2 the bias corrections and r = sqrt(s'), or sqrt(s'/c2) in Adam:
 *
 *     sgd      D = 1
 *     rmsprop  D = 1/(r + e) - (1 - rho) g²/(r (r + e)²)                        = (k r + e) / (r + e)²,  k = rho s / s'
 *     adam     D = (1 - b1)/(c1 (r + e)) - (m'/c1) (1 - b2) g/(c2 r (r + e)²)
 *                = ((1 - b1) (k r + e) - b1 (1 - b2)/c2 m g/r) / (c1 (r + e)²),  k = b2 s / s'
 *
 * The right-hand sides are what is computed: in them the g² of both terms, which nearly cancel while the moments are
 * new, is gone (on the first step 1/(r + e) - ... keeps two digits in float32), and no product is too small for float32.
 * Where g is exactly 0 (words that the train batch does not hold) rmsprop and adam take w = 0: z_S does not depend on
 * such weights, but their D, up to 1/e = 1e8, would take all of the step of a central difference.
 */
export function pilotUpdate(
  pilot: Pilot,
  weights: Weights,
  state: OptimizerState | null,
  gradients: Weights,
): PilotUpdate {
  const rate = pilot.learningRate;
  if (pilot.optimizer === 'sgd')
    return {
      updated: mapWeights(weights, (weight, name) => tf.sub(weight, tf.mul(gradients[name]!, rate))),
      state: null,
      derivative: (v) => mapWeights(v, (of) => tf.mul(of, rate)),
    };
  if (state === null) throw new Error(`a pilot update by ${pilot.optimizer} needs the state of its optimizer`);
  const next = createOptimizer({ name: pilot.optimizer }).update(weights, state, gradients, rate);
  const diagonal = pilot.optimizer === 'rmsprop' ? rmspropDerivative : adamDerivative;
  return {
    updated: next.weights,
    state: next.state,
    derivative: (v) =>
      mapWeights(v, (of, name) =>
        tf.tidy(() => {
          const gradient = gradients[name]!;
          const d = diagonal(gradient, momentsOf(state, name), momentsOf(next.state, name), next.state.step);
          return tf.where(tf.equal(gradient, 0), tf.zerosLike(of), tf.mul(tf.mul(of, rate), d));
        }),
      ),
  };
}

/** D of one weight, from its gradient and its moments before and after the update. */
type Derivative = (gradient: Tensor, before: Moments, after: Moments, step: number) => Tensor;
type Moments = (slot: 'meanGradient' | 'meanSquare') => Tensor;

const momentsOf =
  (state: OptimizerState, name: string): Moments =>
  (slot) =>
    state.slots[slot]![name]!;

const rmspropDerivative: Derivative = (_gradient, before, after) => {
  const { smoothing: rho, epsilon: e } = RMSPROP;
  const square = tf.maximum(after('meanSquare'), SMALLEST_SQUARE);
  const r = tf.sqrt(square);
  const kept = tf.div(tf.mul(before('meanSquare'), rho), square); // rho s / s'
  return tf.div(tf.add(tf.mul(kept, r), e), tf.square(tf.add(r, e)));
};

const adamDerivative: Derivative = (gradient, before, after, step) => {
  const { beta1: b1, beta2: b2, epsilon: e } = ADAM;
  const c1 = 1 - b1 ** step;
  const c2 = 1 - b2 ** step;
  const square = tf.maximum(after('meanSquare'), SMALLEST_SQUARE);
  const r = tf.sqrt(tf.div(square, c2));
  const kept = tf.div(tf.mul(before('meanSquare'), b2), square); // b2 s / s'
  const young = tf.mul(tf.add(tf.mul(kept, r), e), 1 - b1);
  const old = tf.mul(tf.mul(before('meanGradient'), tf.div(gradient, r)), (b1 * (1 - b2)) / c2);
  return tf.div(tf.sub(young, old), tf.mul(tf.square(tf.add(r, e)), c1));
};

/** Squares of gradients below 1e-19 are no float32. They count as this one, whose root is 1e-11 of epsilon. */
const SMALLEST_SQUARE = 1e-37;
