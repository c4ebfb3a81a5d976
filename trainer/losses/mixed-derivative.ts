import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Distillation } from '.';
import { throughRelationMixed } from './dist';
import { throughDecoupledMixed } from './dkd';
import { standardise, throughStandardisation } from './logit-std';
import { throughSoftmax } from './softmax';

/**
 * g_T = -(d2L / dz_S dz_T)^T u for L = alpha KD + (1 - alpha) CE (docs/methods.md, "The meta-gradient"). With
 * k = alpha s / (b tau²):
 *
 *     ce, kl      k q * (u - <q, u>)
 *     reverse-kl  k p * (u - <p, u>)
 *     mse         2 alpha s / (b c) u                    (over tau² where the logits are divided by tau)
 *     mse-probs   2 k / c q * (x - <q, x>),  x = p * (u - <p, u>)
 *     dixtill-kl  exp(-K) (that of kl + alpha K_T * sum(K_S * u)), the sum over the whole batch, K_S = s / (b tau) (p - q),
 *                 K_T = s / (b tau) q * (l - <q, l>),  l = log q - log p
 *     logit-std   that of kl, u carried through the standardisation of z_S first, the result through that of z_T
 *     dkd         k times that of `dkd.ts`
 *     dist        alpha s / tau² times that of `dist.ts`
 *
 * Every one is exact: none needs the mixed derivative taken by differences.
 *
 * @param studentLogits z_S [b, c]
 * @param teacherLogits z_T [b, c]
 * @param labels int32 [b]
 * @param u [b, c]
 */
export function throughMixedDerivative(
  distillation: Distillation,
  studentLogits: Tensor2D,
  teacherLogits: Tensor2D,
  labels: Tensor1D,
  u: Tensor2D,
): Tensor2D {
  const { loss, alpha, temperature, scale, mseTemperature } = distillation;
  const [batch, classes] = u.shape;
  const k = (alpha * scale) / (batch * temperature ** 2);
  return tf.tidy(() => {
    const student = tf.div<Tensor2D>(studentLogits, temperature); // [b, c]
    const teacher = tf.div<Tensor2D>(teacherLogits, temperature); // [b, c]
    switch (loss) {
      case 'ce':
      case 'kl':
        return tf.mul(throughSoftmax(tf.softmax(teacher), u), k);
      case 'reverse-kl':
        return tf.mul(throughSoftmax(tf.softmax(student), u), k);
      case 'mse':
        return tf.mul(u, (2 * alpha * scale) / (batch * classes * mseTemperature ** 2));
      case 'mse-probs':
        return tf.mul(throughSoftmax(tf.softmax(teacher), throughSoftmax(tf.softmax(student), u)), (2 * k) / classes);
      case 'dixtill-kl':
        return throughDixtillMixed(distillation, student, teacher, u);
      case 'logit-std': {
        const [ofStudent, ofTeacher] = [standardise(studentLogits), standardise(teacherLogits)];
        const kl: Distillation = { ...distillation, loss: 'kl' };
        const moved = throughStandardisation(ofStudent, u);
        return throughStandardisation(
          ofTeacher,
          throughMixedDerivative(kl, ofStudent.logits, ofTeacher.logits, labels, moved),
        );
      }
      case 'dkd':
        return tf.mul(throughDecoupledMixed(distillation.decoupled, student, teacher, labels, u), k);
      case 'dist':
        return tf.mul(throughRelationMixed(distillation.relations, student, teacher, u), k * batch);
    }
  });
}

/** @param student z_S / tau [b, c] @param teacher z_T / tau [b, c] */
function throughDixtillMixed(
  { alpha, temperature, scale }: Distillation,
  student: Tensor2D,
  teacher: Tensor2D,
  u: Tensor2D,
): Tensor2D {
  const factor = scale / (u.shape[0] * temperature);
  const logP = tf.logSoftmax(student);
  const logQ = tf.logSoftmax(teacher);
  const q = tf.exp(logQ) as Tensor2D;
  const logRatio = tf.sub(logQ, logP) as Tensor2D;
  const decay = tf.exp(tf.mul(tf.sum(tf.mul(q, logRatio)), -scale / u.shape[0])); // exp(-K)
  const dTeacher = tf.mul(throughSoftmax(q, logRatio), factor); // K_T
  const along = tf.mul(tf.sum(tf.mul(tf.sub(tf.exp(logP), q), u)), factor); // sum(K_S * u)
  const ofKl = tf.mul(throughSoftmax(q, u), factor / temperature);
  return tf.mul(tf.add(ofKl, tf.mul(dTeacher, along)), tf.mul(decay, alpha));
}
