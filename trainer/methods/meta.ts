import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import { metaGradient } from './meta-gradient';
import type { Method, MethodSetting } from './method';
import { taughtTeacher } from './taught-teacher';

/**
 * Meta-distillation (MetaDistil, Zhou et al., 2022), for meta-full and meta-lora, which differ in what of the teacher learns.
 * Every step, on a train batch (x, y) and a quiz batch (x_Q, y_Q):
 *
 *     1  pilot     theta' = U(theta_S, grad_{theta_S} L(x, y; theta_S, theta_T))
 *     2  teacher   theta_T <- optimizer step on grad_{theta_T} CE(x_Q, y_Q; theta'(theta_T))
 *     3  student   theta' is discarded; theta_S <- optimizer step on grad L(x, y; theta_S, updated theta_T)
 *
 * It costs two forward passes and one backward pass of the teacher a step; the student three forward-and-backward and
 * two forward passes, all on x with the same dropout masks.
 */
export function metaDistillation(setting: MethodSetting): Method {
  const { normaliseMetaGradient } = setting.parameters;
  return taughtTeacher(setting, (problem, teacherLogits) => {
    const { gradient, quizLoss, pilotState } = metaGradient(problem, teacherLogits);
    const norm = tf.norm(gradient) as Scalar;
    const seed = normaliseMetaGradient ? normalised(gradient, norm) : gradient;
    return { seed, quizLoss, pilotState, figures: { [metricNames.metaGradientNorm]: norm } };
  });
}

/** A gradient of 0 stays 0; NaN stays NaN. */
const normalised = (gradient: Tensor2D, norm: Scalar): Tensor2D => tf.div(gradient, tf.add(norm, 1e-16));
