import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../../contract/parameters';
import { learningRateFactor } from '../numeric/schedule';
import { type RelationWeights, relationLoss } from './dist';
import { type DecoupledWeights, decoupledLoss } from './dkd';
import { standardise, throughStandardisation } from './logit-std';
import { throughSoftmax } from './softmax';

/** The distillation loss of a run with every default resolved. */
export interface Distillation {
  loss: Parameters['loss'];
  /** Weight of the distillation loss; 1 - alpha weighs cross-entropy against the labels. */
  alpha: number;
  temperature: number;
  /** Constant factor on the distillation loss: temperature² or 1. */
  scale: number;
  /** What the logits are divided by in `mse`: the temperature or 1. */
  mseTemperature: number;
  /** Read by `dkd` alone. */
  decoupled: DecoupledWeights;
  /** Read by `dist` alone. */
  relations: RelationWeights;
}

/** The value of a loss, a mean over the batch, and its gradient with respect to the student's logits, [b, c]. */
export interface LossAndGradient {
  value: Scalar;
  gradient: Tensor2D;
}

/** The loss of a distilled student, its two parts unweighted, and the gradient of the whole. */
export interface StudentLoss extends LossAndGradient {
  crossEntropy: Scalar;
  distillation: Scalar;
}

/** Reads the distillation loss from the hyper-parameters. `temperatureScaling: null` means: for every loss but `mse`. */
export function distillationOf(parameters: Parameters): Distillation {
  const { loss, alpha, temperature, temperatureScaling, logitsOverTemperature } = parameters;
  return {
    loss,
    alpha,
    temperature,
    scale: (temperatureScaling ?? loss !== 'mse') ? temperature ** 2 : 1,
    mseTemperature: logitsOverTemperature ? temperature : 1,
    decoupled: { target: parameters.dkdTargetWeight, nonTarget: parameters.dkdNonTargetWeight },
    relations: { inter: parameters.distInterWeight, intra: parameters.distIntraWeight },
  };
}

/** The distillation loss of every step, counted from 0: `dkd` rises linearly from 0, as its authors have it; others do not change. */
export function distillationAt(parameters: Parameters, totalSteps: number): (step: number) => Distillation {
  const distillation = distillationOf(parameters);
  if (distillation.loss !== 'dkd') return () => distillation;
  const rise = { kind: 'constant', totalSteps, warmupShare: parameters.dkdWarmupShare } as const;
  return (step) => ({ ...distillation, scale: distillation.scale * learningRateFactor(rise, step) });
}

/**
 * Cross-entropy against labels at temperature 1: mean_b(-log softmax(z)_y), with gradient (softmax(z) - onehot(y)) / b.
 * The gradients here are written out: half the kernels of a taped loss, and the seeds that `withPullback` wants.
 *
 * @param logits [b, c]
 * @param labels int32 [b], each 0 .. c - 1
 */
export function crossEntropy(logits: Tensor2D, labels: Tensor1D): LossAndGradient {
  const [batch, classes] = logits.shape;
  const [value, gradient] = tf.tidy(() => {
    // By int32: on the WebAssembly backend oneHot writes integers into a tensor it calls float32.
    const target = tf.cast(tf.oneHot(labels, classes), 'float32') as Tensor2D; // [b, c]
    const logProbabilities = tf.logSoftmax(logits);
    return [
      tf.div(tf.sum(tf.mul(target, logProbabilities)), -batch) as Scalar,
      tf.div(tf.sub(tf.softmax(logits), target), batch) as Tensor2D,
    ] as [Scalar, Tensor2D];
  });
  return { value, gradient };
}

/**
 * The distillation loss KD(z_S, z_T), unweighted, and its gradient with respect to z_S (docs/methods.md, "Losses"):
 * with p = softmax(z_S / tau), q = softmax(z_T / tau), s the scale, and means over the batch,
 *
 *     ce          s * mean -<q, log p>           s / (b tau) * (p - q)
 *     kl          s * mean KL(q || p)            the same
 *     reverse-kl  s * mean KL(p || q)            s / (b tau) * p * (l - <p, l>),  l = log p - log q
 *     mse         s * mean_bc (z_S - z_T)²       2 s / (b c) * (z_S - z_T)
 *     mse-probs   s * mean_bc (p - q)²           2 s / (b c tau) * p * (d - <p, d>),  d = p - q
 *     dixtill-kl  1 - exp(-K), K as kl           exp(-K) times that of kl
 *     logit-std   kl of standardised logits      that of kl through the standardisation of z_S
 *     dkd, dist   s * those of `dkd.ts`, `dist.ts`
 *
 * @param studentLogits z_S [b, c]
 * @param teacherLogits z_T [b, c]
 * @param labels int32 [b]
 */
export function distillationLoss(
  distillation: Distillation,
  studentLogits: Tensor2D,
  teacherLogits: Tensor2D,
  labels: Tensor1D,
): LossAndGradient {
  const [value, gradient] = tf.tidy((): [Scalar, Tensor2D] => {
    const { loss } = distillation;
    if (loss === 'mse') return meanSquaredError(distillation, studentLogits, teacherLogits);
    if (loss !== 'logit-std') return temperedLoss(loss, distillation, studentLogits, teacherLogits, labels);
    const student = standardise(studentLogits);
    const teacher = standardise(teacherLogits);
    const kl = temperedLoss('kl', distillation, student.logits, teacher.logits, labels);
    return [kl[0], throughStandardisation(student, kl[1])];
  });
  return { value, gradient };
}

function meanSquaredError(
  { scale, mseTemperature }: Distillation,
  studentLogits: Tensor2D,
  teacherLogits: Tensor2D,
): [Scalar, Tensor2D] {
  const difference = tf.div<Tensor2D>(tf.sub(studentLogits, teacherLogits), mseTemperature); // [b, c]
  return [
    tf.mul<Scalar>(tf.mean(tf.square(difference)), scale),
    tf.mul<Tensor2D>(difference, (2 * scale) / (difference.size * mseTemperature)),
  ];
}

/** The losses of z_S / tau and z_T / tau. */
function temperedLoss(
  loss: Exclude<Distillation['loss'], 'mse' | 'logit-std'>,
  distillation: Distillation,
  studentLogits: Tensor2D,
  teacherLogits: Tensor2D,
  labels: Tensor1D,
): [Scalar, Tensor2D] {
  const [batch, classes] = studentLogits.shape;
  const { temperature, scale } = distillation;
  const student = tf.div<Tensor2D>(studentLogits, temperature); // [b, c]
  const teacher = tf.div<Tensor2D>(teacherLogits, temperature); // [b, c]
  const logP = tf.logSoftmax(student);
  const logQ = tf.logSoftmax(teacher);
  const p = tf.exp(logP);
  const q = tf.exp(logQ);
  const meanOverBatch = (terms: tf.Tensor): Scalar => tf.mul(tf.sum(terms), scale / batch);
  const klGradient = (): Tensor2D => tf.mul(tf.sub(p, q), scale / (batch * temperature));
  switch (loss) {
    case 'ce':
      return [meanOverBatch(tf.neg(tf.mul(q, logP))), klGradient()];
    case 'kl':
      return [meanOverBatch(tf.mul(q, tf.sub(logQ, logP))), klGradient()];
    case 'dixtill-kl': {
      const decay = tf.exp(tf.neg(meanOverBatch(tf.mul(q, tf.sub(logQ, logP))))); // exp(-K)
      return [tf.sub(1, decay), tf.mul(klGradient(), decay)];
    }
    case 'reverse-kl': {
      const logRatio = tf.sub(logP, logQ) as Tensor2D;
      return [meanOverBatch(tf.mul(p, logRatio)), tf.mul(throughSoftmax(p, logRatio), scale / (batch * temperature))];
    }
    case 'mse-probs': {
      const difference = tf.sub(p, q) as Tensor2D;
      return [
        tf.mul(tf.mean(tf.square(difference)), scale),
        tf.mul(throughSoftmax(p, difference), (2 * scale) / (batch * classes * temperature)),
      ];
    }
    case 'dkd': {
      const [sum, gradient] = decoupledLoss(distillation.decoupled, student, teacher, labels);
      return [tf.mul(sum, scale / batch), tf.mul(gradient, scale / (batch * temperature))];
    }
    case 'dist': {
      const [value, gradient] = relationLoss(distillation.relations, student, teacher);
      return [tf.mul(value, scale), tf.mul(gradient, scale / temperature)];
    }
  }
}

/**
 * The student's loss L = alpha KD(z_S, z_T) + (1 - alpha) CE(z_S, y) and its gradient with respect to z_S.
 *
 * @param studentLogits z_S [b, c]
 * @param teacherLogits z_T [b, c]
 * @param labels int32 [b]
 */
export function studentLoss(
  distillation: Distillation,
  studentLogits: Tensor2D,
  teacherLogits: Tensor2D,
  labels: Tensor1D,
): StudentLoss {
  const { alpha } = distillation;
  const hard = crossEntropy(studentLogits, labels);
  const soft = distillationLoss(distillation, studentLogits, teacherLogits, labels);
  const mix = <T extends tf.Tensor>(a: T, b: T): T => tf.tidy(() => tf.add(tf.mul(a, alpha), tf.mul(b, 1 - alpha)));
  const value = mix(soft.value, hard.value);
  const gradient = mix(soft.gradient, hard.gradient);
  tf.dispose([soft.gradient, hard.gradient]);
  return { value, gradient, crossEntropy: hard.value, distillation: soft.value };
}
