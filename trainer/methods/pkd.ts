import type { Scalar } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Parameters } from '../../contract/parameters';
import { distillationOf } from '../losses';
import { cosine, drawProjection, hintNamed, imitateTeacher, project } from './imitation';
import { present, studentLearning } from './learning';
import type { MethodDefinition } from './method';

/**
 * Patient knowledge distillation (Sun et al., 2019): beside kd, the student's final state h imitates the [CLS] states of
 * layers m of the teacher through projections P_m that are learnt with it,
 *
 *     (1 - alpha) CE + alpha tau² KL + beta * mean_{b,m} | n(P_m h) - n(cls_m) |²,   n(x) = x / |x|
 *
 * where | n(x) - n(y) |² = 2 (1 - cos(x, y)). The paper's student has as many layers as it imitates; a BiLSTM has one state.
 */
export const patientDistillation: MethodDefinition = {
  hints: ({ patientLayers }, teacher) => ({
    kind: 'summaries',
    layers: imitatedLayers(patientLayers, teacher.layers),
  }),
  problems: ({ patientLayers: choice }, { layers }) => {
    if (imitatedLayers(choice, layers).length > 0) return [];
    const remedy = choice === 'skip' && layers === 2 ? 'use "last", or give a deeper teacher' : 'give a deeper teacher';
    const message = `"${choice}" leaves no layer of a teacher of ${layers}: ${remedy}`;
    return [{ path: 'parameters.patientLayers', message }];
  },
  create: (setting) => {
    const { parameters } = setting;
    const { student, sizes, random } = present(setting.hints ?? null, 'the states of a student and a teacher');
    const layers = imitatedLayers(parameters.patientLayers, sizes.teacher.layers);
    const projection = (layer: number) => `patient.${layer}`;
    const learning = studentLearning(setting);
    const distillation = { ...distillationOf(parameters), loss: 'kl' as const };
    return {
      begin: (weights) => {
        const shape: [number, number] = [sizes.teacher.hidden, sizes.student.hidden];
        const projections = layers.map((layer) => drawProjection(projection(layer), shape, random));
        const learnt = Object.assign({}, present(weights.student, 'student weights'), ...projections);
        return { student: learning.begin(learnt), teacher: null, pilot: null };
      },
      step: (state, inputs) => {
        const states = student(inputs.batch, inputs.random.substream('student'));
        return imitateTeacher(
          learning,
          {
            distillation,
            weight: parameters.hintWeight,
            hint: ({ summary }, hints, weights) => {
              const own = summary(sizes.student.layers); // [b, d_S]
              const similarities = layers.map((layer) =>
                cosine(project(weights, projection(layer), own), hintNamed(hints, `summary.${layer}`)),
              );
              return tf.mul<Scalar>(tf.sub(1, tf.mean(tf.concat(similarities, 1))), 2);
            },
          },
          states,
          state,
          inputs,
        );
      },
    };
  },
};

/**
 * The layers whose [CLS] is imitated, counted from 1: every second (`skip`), or as many below the last (`last`). The last
 * itself is left out, since the logits speak for it.
 *
 * @param layers L, of the teacher; with fewer than 3 `skip` has none, with fewer than 2 neither has any
 */
export function imitatedLayers(choice: Parameters['patientLayers'], layers: number): number[] {
  const skipped = Array.from({ length: Math.floor((layers - 1) / 2) }, (_, m) => 2 * (m + 1));
  if (choice === 'skip') return skipped;
  const count = Math.min(Math.max(skipped.length, 1), layers - 1);
  return Array.from({ length: count }, (_, m) => layers - count + m);
}
