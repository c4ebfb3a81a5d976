import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../../contract/parameters';
import { cosine, drawProjection, hintedStudent, project } from './hinted-student';
import type { Method, MethodSetting } from './method';

/**
 * Patient knowledge distillation (Sun et al., 2019): beside kd, the student's final state h imitates the [CLS] states of
 * layers m of the teacher through projections P_m that are learnt with it,
 *
 *     (1 - alpha) CE + alpha tau² KL + beta * mean_{b,m} | n(P_m h) - n(cls_m) |²,   n(x) = x / |x|
 *
 * where | n(x) - n(y) |² = 2 (1 - cos(x, y)). The paper's student has as many layers as it imitates; a BiLSTM has one state.
 */
export function patientDistillation(setting: MethodSetting): Method {
  const { parameters } = setting;
  return hintedStudent(setting, ({ sizes }) => {
    const layers = patientLayers(parameters.patientLayers, sizes.teacher.layers);
    const nameOf = (layer: number) => `patient.${layer}`;
    return {
      loss: 'kl',
      weight: parameters.hintWeight,
      projections: (random) =>
        Object.assign(
          {},
          ...layers.map((layer) => drawProjection(nameOf(layer), [sizes.teacher.hidden, sizes.student.hidden], random)),
        ),
      distance: ({ summary }, cls, weights) => {
        const state = summary(sizes.student.layers);
        const ofLayers = tf.split(cls, layers.length, 1) as Tensor2D[]; // [b, d] each
        const similarities = layers.map((layer, m) => cosine(project(weights, nameOf(layer), state), ofLayers[m]!));
        return tf.mul<Scalar>(tf.sub(1, tf.mean(tf.concat(similarities, 1))), 2);
      },
    };
  });
}

/**
 * The layers whose [CLS] is imitated, counted from 1: every second (`skip`), or as many below the last (`last`). The last
 * itself is left out, since the logits speak for it.
 *
 * @param layers L, of the teacher; with fewer than 3 `skip` has none, with fewer than 2 neither has any
 */
export function patientLayers(choice: Parameters['patientLayers'], layers: number): number[] {
  const skipped = Array.from({ length: Math.floor((layers - 1) / 2) }, (_, m) => 2 * (m + 1));
  if (choice === 'skip') return skipped;
  const count = Math.min(Math.max(skipped.length, 1), layers - 1);
  return Array.from({ length: count }, (_, m) => layers - count + m);
}
