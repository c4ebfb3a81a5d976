import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { throughSoftmax } from './softmax';
import { spreadOf } from './spread';

/** How much the two relations of DIST count. */
export interface RelationWeights {
  /** b, between the classes of an example. */
  inter: number;
  /** g, of a class between the examples of the batch. */
  intra: number;
}

/**
 * DIST (Huang et al., 2022, equations 6 to 10) with its gradient with respect to z_S / tau. With rho Pearson's correlation,
 *
 *     b (1 - mean_i rho(p_i, q_i)) + g (1 - mean_c rho(p_:c, q_:c))
 *
 * rho(x, y) = <n(x), n(y)>, where n(x) centres x and divides by r = |centred x|. The Jacobian of n is symmetric,
 * (centring - n n^T) / r. Where all entries of x are equal, n, its Jacobian and rho are 0.
 *
 * @param student z_S / tau [b, c]
 * @param teacher z_T / tau [b, c]
 */
export function relationLoss(weights: RelationWeights, student: Tensor2D, teacher: Tensor2D): [Scalar, Tensor2D] {
  const p = tf.softmax(student);
  const q = tf.softmax(teacher);
  let value: tf.Tensor = tf.scalar(weights.inter + weights.intra);
  let dProbabilities: tf.Tensor = tf.zerosLike(p);
  for (const { axis, weight } of relationsOf(weights, p)) {
    const ofTeacher = normalise(q, axis).direction;
    const ofStudent = normalise(p, axis);
    value = tf.sub(value, tf.mul(tf.sum(tf.mul(ofStudent.direction, ofTeacher)), weight));
    dProbabilities = tf.sub(dProbabilities, tf.mul(throughNormalisation(ofStudent, ofTeacher), weight));
  }
  return [value as Scalar, throughSoftmax(p, dProbabilities as Tensor2D)];
}

/**
 * -(d2 KD / dz_S dz_T)^T u of `relationLoss`, which is bilinear in n(p) and n(q): u carried through the softmax and n of the
 * student, then through n and the softmax of the teacher.
 */
export function throughRelationMixed(
  weights: RelationWeights,
  student: Tensor2D,
  teacher: Tensor2D,
  u: Tensor2D,
): Tensor2D {
  const p = tf.softmax(student);
  const q = tf.softmax(teacher);
  const dP = throughSoftmax(p, u);
  let dQ: tf.Tensor = tf.zerosLike(q);
  for (const { axis, weight } of relationsOf(weights, p)) {
    const moved = throughNormalisation(normalise(p, axis), dP);
    dQ = tf.add(dQ, tf.mul(throughNormalisation(normalise(q, axis), moved), weight));
  }
  return throughSoftmax(q, dQ as Tensor2D);
}

/** The axes of [b, c] along which correlations are taken, with the weight of each single one. */
function relationsOf({ inter, intra }: RelationWeights, { shape: [batch, classes] }: Tensor2D) {
  return [
    { axis: 1, weight: inter / batch },
    { axis: 0, weight: intra / classes },
  ];
}

interface Normalised {
  /** n(x) [b, c] */
  direction: tf.Tensor;
  /** 1 / r, [b, 1] or [1, c] */
  inverseNorm: tf.Tensor;
  axis: number;
}

function normalise(x: tf.Tensor, axis: number): Normalised {
  const { centred, inverseNorm } = spreadOf(x, axis);
  return { direction: tf.mul(centred, inverseNorm), inverseNorm, axis };
}

function throughNormalisation({ direction, inverseNorm, axis }: Normalised, x: tf.Tensor): tf.Tensor {
  const along = tf.sum(tf.mul(direction, x), axis, true);
  return tf.mul(tf.sub(centre(x, axis), tf.mul(direction, along)), inverseNorm);
}

const centre = (x: tf.Tensor, axis: number): tf.Tensor => tf.sub(x, tf.mean(x, axis, true));
