import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { distillationOf } from '../losses';
import { drawProjection, hintNamed, imitateTeacher, project } from './imitation';
import { present, studentLearning } from './learning';
import type { MethodDefinition } from './method';

/**
 * The hints of TinyBERT (Jiao et al., 2020), word by word: word vectors E_S imitate the teacher's embeddings, the student's last
 * states H_S the teacher's, through projections that are learnt with the student,
 *
 *     alpha tau² soft CE + (1 - alpha) CE + w * ( MSE(E_S W_e, E_T) + MSE(H_S W_h, H_T) )
 *
 * The teacher's are means over a word's pieces; a word of which it reads nothing does not count. The paper's prediction loss
 * is the soft cross-entropy alone (alpha 1, the default), and its students have attention matrices to imitate, which a BiLSTM
 * does not have.
 */
export const tinybert: MethodDefinition = {
  hints: (_, teacher) => ({ kind: 'states', layers: [0, teacher.layers] }),
  create: (setting) => {
    const { parameters } = setting;
    const { student, sizes, random } = present(setting.hints ?? null, 'the states of a student and a teacher');
    const learning = studentLearning(setting);
    const distillation = { ...distillationOf(parameters), loss: 'ce' as const };
    const lastStates = `states.${sizes.teacher.layers}`;
    return {
      begin: (weights) => {
        const learnt = {
          ...present(weights.student, 'student weights'),
          ...drawProjection('embedding', [sizes.teacher.embedding, sizes.student.embedding], random),
          ...drawProjection('hidden', [sizes.teacher.hidden, sizes.student.hidden], random),
        };
        return { student: learning.begin(learnt), teacher: null, pilot: null };
      },
      step: (state, inputs) => {
        const states = student(inputs.batch, inputs.random.substream('student'));
        return imitateTeacher(
          learning,
          {
            distillation,
            weight: parameters.hintWeight,
            hint: ({ layers }, hints, weights) => {
              const isRead = hintNamed(hints, 'isRead'); // [n, 1]
              const words = tf.maximum(tf.sum(isRead), 1);
              const error = (name: string, own: Tensor2D, target: Tensor2D) => {
                const squares = tf.square(tf.sub(project(weights, name, own), target)); // [n, d]
                return tf.div(tf.sum(tf.mul(squares, isRead)), tf.mul(words, target.shape[1]));
              };
              return tf.add<Scalar>(
                error('embedding', layers[0]!, hintNamed(hints, 'states.0')),
                error('hidden', layers.at(-1)!, hintNamed(hints, lastStates)),
              );
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
