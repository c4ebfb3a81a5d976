import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { throughSoftmax } from './softmax';

/** How much the two parts of decoupled distillation count. */
export interface DecoupledWeights {
  /** a, of the target class against all others. */
  target: number;
  /** b, of the other classes among each other. */
  nonTarget: number;
}

/**
 * Decoupled knowledge distillation (Zhao et al., 2022, equations 6 and 7), summed over the batch, with its gradient with
 * respect to z_S / tau. With t the label, d = log p_t - log(1 - p_t), and phat the softmax without t (0 at t):
 *
 *     a KL([q_t, 1 - q_t] || [p_t, 1 - p_t]) + b KL(qhat || phat)
 *     a (p_t - q_t) (e_t - phat) + b (phat - qhat)
 *
 * @param student z_S / tau [b, c]
 * @param teacher z_T / tau [b, c]
 * @param labels int32 [b]
 */
export function decoupledLoss(
  { target, nonTarget }: DecoupledWeights,
  student: Tensor2D,
  teacher: Tensor2D,
  labels: Tensor1D,
): [Scalar, Tensor2D] {
  const isTarget = targetMask(labels, student.shape[1]); // [b, c]
  const p = decouple(student, isTarget);
  const q = decouple(teacher, isTarget);
  const targetPart = tf.add(
    tf.mul(q.target, tf.sub(q.logTarget, p.logTarget)),
    tf.mul(tf.exp(q.logRest), tf.sub(q.logRest, p.logRest)),
  ); // [b, 1]
  const restPart = tf.mul(q.others, tf.sub(q.logOthers, p.logOthers)); // [b, c]
  return [
    tf.add(tf.mul(tf.sum(targetPart), target), tf.mul(tf.sum(restPart), nonTarget)),
    tf.add(
      tf.mul(tf.mul(tf.sub(p.target, q.target), target), tf.sub(isTarget, p.others)),
      tf.mul(tf.sub(p.others, q.others), nonTarget),
    ),
  ];
}

/**
 * -(d2 KD / dz_S dz_T)^T u of `decoupledLoss`: both parts are KL divergences of softmaxes, of d and of the others, so
 *
 *     a q_t (1 - q_t) <e_t - phat, u> (e_t - qhat) + b qhat * (u - <qhat, u>)
 */
export function throughDecoupledMixed(
  { target, nonTarget }: DecoupledWeights,
  student: Tensor2D,
  teacher: Tensor2D,
  labels: Tensor1D,
  u: Tensor2D,
): Tensor2D {
  const isTarget = targetMask(labels, student.shape[1]);
  const p = decouple(student, isTarget);
  const q = decouple(teacher, isTarget);
  const along = tf.sum(tf.mul(tf.sub(isTarget, p.others), u), 1, true); // [b, 1]
  const variance = tf.mul(q.target, tf.exp(q.logRest)); // q_t (1 - q_t), [b, 1]
  return tf.add(
    tf.mul(tf.mul(tf.mul(variance, along), target), tf.sub(isTarget, q.others)),
    tf.mul(throughSoftmax(q.others, u), nonTarget),
  );
}

const targetMask = (labels: Tensor1D, classes: number): Tensor2D =>
  tf.cast(tf.oneHot(labels, classes), 'float32') as Tensor2D;

/** A distribution as the target's share and that of the others among themselves; logarithms, so that nothing rounds to 0. */
function decouple(scaledLogits: Tensor2D, isTarget: Tensor2D) {
  const logP = tf.logSoftmax(scaledLogits); // [b, c]
  const withoutTarget = tf.sub(logP, tf.mul(isTarget, 1e9));
  const logTarget: Tensor = tf.sum(tf.mul(logP, isTarget), 1, true); // [b, 1]
  const logRest: Tensor = tf.logSumExp(withoutTarget, 1, true); // log(1 - p_t), [b, 1]
  const logOthers = tf.sub(withoutTarget, logRest); // log phat, -1e9 at the target
  return { logTarget, target: tf.exp(logTarget), logRest, logOthers, others: tf.exp(logOthers) as Tensor2D };
}
