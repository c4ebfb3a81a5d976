import type { Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Weights } from '../../numeric/weights';
import { type PaddedPlaces, padded, paddedPlaces } from '../../ops/attention-pool';
import { bilstmStatesTangent, type WithTangent } from '../../ops/bilstm-tangent';
import { selectRows } from '../../ops/embedding';
import type { Sequences } from '../../tokenizers/sequences';
import { attentionName, type DropoutMasks, embeddingName, finalOf } from './bilstm';

type Moving = WithTangent<Tensor2D>;

/**
 * J w: the derivative of `bilstmLogits` along a direction of the weights, in forward mode. Exact but for rounding, however
 * unequal the entries of the direction are.
 *
 * @param direction of some or all weights, by name; along the others the derivative is 0
 * @param masks as in `bilstmLogits`
 * @returns [b, c]
 */
export function bilstmTangent(
  weights: Weights,
  direction: Weights,
  words: Sequences,
  masks: DropoutMasks | null = null,
): Tensor2D {
  return tf.tidy(() => {
    const moving = <T extends tf.Tensor>(name: string): WithTangent<T> => ({
      value: weights[name] as T,
      tangent: (direction[name] ?? tf.zerosLike(weights[name]!)) as T,
    });
    const lstm = (name: string) => {
      const [weight, bias] = [moving<Tensor2D>(`lstm.${name}.weight`), moving<Tensor1D>(`lstm.${name}.bias`)];
      return {
        value: { weight: weight.value, bias: bias.value },
        tangent: { weight: weight.tangent, bias: bias.tangent },
      };
    };
    const vectors = both(moving(embeddingName), (table) => selectRows(table, words.ids));
    const read = masks ? both(vectors, (of) => tf.mul(of, masks.words)) : vectors;
    const states = bilstmStatesTangent(read, words.lengths, [lstm('forward'), lstm('backward')]); // [n, 2u]
    const state =
      attentionName in weights
        ? attended(states, moving(attentionName), moving('attention.vector'), paddedPlaces(words.lengths))
        : both(states, (of) => finalOf(of, words.lengths)); // [b, 2u]
    const seen = masks ? both(state, (of) => tf.mul(of, masks.state)) : state;
    const logits = times(seen, moving('dense.weight'));
    return tf.add(logits.tangent, moving('dense.bias').tangent);
  });
}

/** A function that is linear acts on the tangent as on the value. */
const both = (x: Moving, linear: (of: Tensor2D) => Tensor2D): Moving => ({
  value: linear(x.value),
  tangent: linear(x.tangent),
});

/** x W^T. @param x [n, i] @param weight [o, i] */
const times = (x: Moving, weight: Moving): Moving => ({
  value: tf.matMul(x.value, weight.value, false, true),
  tangent: tf.add(
    tf.matMul(x.tangent, weight.value, false, true),
    tf.matMul(x.value, weight.tangent, false, true),
  ) as Tensor2D,
});

/** The attention of `bilstmStates`, and `attentionPool`. */
function attended(states: Moving, weight: Moving, vector: Moving, places: PaddedPlaces): Moving {
  const { sequences, time, rows, mask } = places;
  const sums = times(states, weight); // [n, a]
  const hidden = tf.tanh(sums.value);
  const scores = times({ value: hidden, tangent: tf.mul(sums.tangent, tf.sub(1, tf.square(hidden))) }, vector); // [n, 1]
  const inTime = both(scores, (of) => padded(of, places)); // [b, t]
  const shares = tf.softmax(tf.add(inTime.value, tf.mul(tf.sub(mask, 1), 1e9))); // 0 beyond the ends
  const mean = tf.sum(tf.mul(shares, inTime.tangent), 1, true);
  const dShares = tf.mul(shares, tf.sub(inTime.tangent, mean));
  const spread = (of: Tensor2D) => tf.reshape(selectRows(of, rows), [sequences, time, -1]) as Tensor3D;
  const pool = (weights: tf.Tensor, of: Tensor2D) =>
    tf.reshape(tf.matMul(tf.reshape(weights, [sequences, 1, time]), spread(of)), [sequences, -1]) as Tensor2D;
  return {
    value: pool(shares, states.value),
    tangent: tf.add(pool(dShares, states.value), pool(shares, states.tangent)) as Tensor2D,
  };
}
