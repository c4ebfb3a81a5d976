import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { drawProjection, hintedStudent, project } from './hinted-student';
import type { Method, MethodSetting } from './method';

/**
 * The hints of TinyBERT (Jiao et al., 2020), word by word: word vectors E_S imitate the teacher's embeddings, the BiLSTM's
 * states H_S its last states, through projections that are learnt with the student,
 *
 *     alpha tau² soft CE + (1 - alpha) CE + w * ( MSE(E_S W_e, E_T) + MSE(H_S W_h, H_T) )
 *
 * The teacher's are means over a word's pieces; a word of which it reads nothing does not count. The paper's prediction loss
 * is the soft cross-entropy alone (alpha 1, the default), and its students have attention matrices to imitate, which a BiLSTM
 * does not have.
 */
export function tinybert(setting: MethodSetting): Method {
  const { hintWeight } = setting.parameters;
  return hintedStudent(setting, ({ sizes: { student, teacher } }) => ({
    loss: 'ce',
    weight: hintWeight,
    projections: (random) => ({
      ...drawProjection('embedding', [teacher.embedding, student.embedding], random),
      ...drawProjection('hidden', [teacher.hidden, student.hidden], random),
    }),
    distance: ({ layers }, hints, weights) => {
      const [isRead, embeddings, states] = tf.split(hints, [1, teacher.embedding, teacher.hidden], 1) as Tensor2D[];
      const words = tf.maximum(tf.sum(isRead!), 1);
      const error = (name: string, states: Tensor2D, target: Tensor2D) => {
        const squares = tf.square(tf.sub(project(weights, name, states), target)); // [n, d]
        return tf.div(tf.sum(tf.mul(squares, isRead!)), tf.mul(words, target.shape[1]));
      };
      return tf.add<Scalar>(error('embedding', layers[0]!, embeddings!), error('hidden', layers.at(-1)!, states!));
    },
  }));
}
