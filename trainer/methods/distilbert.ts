import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { cosine, drawProjection, hintedStudent, project } from './hinted-student';
import type { Method, MethodSetting } from './method';

/**
 * Distillation in the style of DistilBERT (Sanh et al., 2019): soft cross-entropy, cross-entropy, and the angle between the
 * student's final state h and the teacher's last [CLS], through a projection P that is learnt with the student,
 *
 *     alpha tau² soft CE + (1 - alpha) CE + w * mean_b (1 - cos(P h, cls))
 */
export function distilbert(setting: MethodSetting): Method {
  const { hintWeight } = setting.parameters;
  return hintedStudent(setting, ({ sizes }) => ({
    loss: 'ce',
    weight: hintWeight,
    projections: (random) => drawProjection('cls', [sizes.teacher.hidden, sizes.student.hidden], random),
    distance: ({ summary }, cls, weights) =>
      tf.sub<Scalar>(1, tf.mean(cosine(project(weights, 'cls', summary(sizes.student.layers)), cls))),
  }));
}
