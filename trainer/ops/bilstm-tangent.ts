import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { lstmForward } from '../engine/kernels';
import { type LstmWeights, timeMajorPlaces } from './bilstm';

/** A value and how it changes along a direction: its derivative with respect to the step, of the same shape. */
export interface WithTangent<Value> {
  value: Value;
  tangent: Value;
}

/**
 * The states of `bilstmStates`, [n, 2u], and their derivative along a direction of the inputs and weights (forward mode). Of the
 * recurrence only h_{t-1} W_h is done step by step; all else is one product over all tokens.
 *
 * @param x [n, in]
 * @param lengths tokens of each sequence, all >= 1, n in sum
 */
export function bilstmStatesTangent(
  x: WithTangent<Tensor2D>,
  lengths: Int32Array,
  directions: readonly [WithTangent<LstmWeights>, WithTangent<LstmWeights>],
): WithTangent<Tensor2D> {
  return tf.tidy(() => {
    const steps = lengths.reduce((longest, length) => Math.max(longest, length), 0);
    const states = directions.map((weights, direction) => {
      const places = timeMajorPlaces(lengths, steps, direction === 1);
      const tokenAt = tf.tensor1d(places.tokenAt, 'int32');
      const placeOf = tf.tensor1d(places.placeOf, 'int32');
      const inTime = (of: Tensor2D) => tf.reshape(tf.gather(of, tokenAt), [steps, lengths.length, -1]) as Tensor3D;
      const hidden = lstmTangent({ value: inTime(x.value), tangent: inTime(x.tangent) }, weights);
      const ofTokens = (of: Tensor3D) => tf.gather(tf.reshape(of, [steps * lengths.length, -1]), placeOf) as Tensor2D;
      return { value: ofTokens(hidden.value), tangent: ofTokens(hidden.tangent) }; // [n, u]
    });
    return {
      value: tf.concat(
        states.map(({ value }) => value),
        1,
      ),
      tangent: tf.concat(
        states.map(({ tangent }) => tangent),
        1,
      ),
    };
  });
}

/**
 * h of every step [t, b, u] and dh. With a the sums before the gates' functions, i f c o as in `lstmForward` and dots for
 * derivatives along the direction:
 *
 *     a_t. = [x_t, h_{t-1}] W. + x_t. W_x + b. + h_{t-1}. W_h
 *     cs_t. = c i (1 - i) a_i. + cs_{t-1} f (1 - f) a_f. + i (1 - c²) a_c. + f cs_{t-1}.
 *     h_t. = co o (1 - o) a_o. + o (1 - co²) cs_t.,   co = tanh(cs_t)
 */
function lstmTangent(
  x: WithTangent<Tensor3D>,
  { value: { weight, bias }, tangent: dWeights }: WithTangent<LstmWeights>,
): WithTangent<Tensor3D> {
  const [steps, batch, inputs] = x.value.shape;
  const units = bias.shape[0] / 4;
  const {
    inputGate: i,
    forgetGate: f,
    outputGate: o,
    cellInput: c,
    cellState,
    cellOutput: co,
    hidden,
  } = lstmForward(x.value, weight, bias);
  const [ofInput, ofHidden] = tf.split(weight, [inputs, units], 0) as [Tensor2D, Tensor2D];
  const flat = (of: Tensor) => tf.reshape(of, [steps * batch, -1]) as Tensor2D;
  const read = tf.concat([flat(x.value), flat(before(hidden))], 1);
  const products = tf.add(tf.matMul(read, dWeights.weight), tf.matMul(flat(x.tangent), ofInput));
  const sums = tf.reshape(tf.add(products, dWeights.bias), [steps, batch, 4 * units]); // a. without h_{t-1}.
  const slope = (gate: Tensor) => tf.mul(gate, tf.sub(1, gate));
  const factors = tf.concat(
    [
      tf.mul(c, slope(i)),
      tf.mul(before(cellState), slope(f)),
      tf.mul(i, tf.sub(1, tf.square(c))),
      tf.mul(co, slope(o)),
    ],
    2,
  );
  const cellFactor = tf.mul(o, tf.sub(1, tf.square(co)));
  const tangents = recur({ sums, factors, forget: f, cellFactor, ofHidden }, [steps, batch, units]);
  return { value: hidden, tangent: tf.tensor3d(tangents, [steps, batch, units]) };
}

/**
 * The recurrence of `lstmTangent`, in plain loops: kernels on the few numbers of one step cost five times as much.
 *
 * @param given what does not depend on the step before; `sums` and `factors` [t, b, 4u], `forget` and `cellFactor` [t, b, u]
 * @returns dh [t, b, u]
 */
function recur(
  given: Record<'sums' | 'factors' | 'forget' | 'cellFactor' | 'ofHidden', Tensor>,
  [steps, batch, units]: readonly [number, number, number],
): Float32Array {
  const read = (name: keyof typeof given) => given[name].dataSync<'float32'>();
  const [sums, factors, forget, cellFactor, ofHidden] = [
    read('sums'),
    read('factors'),
    read('forget'),
    read('cellFactor'),
    read('ofHidden'),
  ];
  const gates = 4 * units;
  const fours = Math.ceil(units / 4);
  // Rows of zeros fill the last four up; float64, since V8 converts every float32 that it reads.
  const weights = new Float64Array(4 * fours * gates);
  weights.set(ofHidden);
  const dHidden = new Float32Array(steps * batch * units);
  const dCell = new Float64Array(batch * units);
  const gate = new Float64Array(gates);
  const previous = new Float64Array(4 * fours);
  for (let row = 0; row < steps * batch; row++) {
    for (let j = 0; j < gates; j++) gate[j] = sums[row * gates + j]!;
    if (row >= batch) {
      previous.set(dHidden.subarray((row - batch) * units, (row - batch + 1) * units));
      for (let k = 0; k < 4 * fours; k += 4) {
        const [a, b, c, d] = [k * gates, (k + 1) * gates, (k + 2) * gates, (k + 3) * gates];
        const [w, x, y, z] = [previous[k]!, previous[k + 1]!, previous[k + 2]!, previous[k + 3]!];
        for (let j = 0; j < gates; j++)
          gate[j]! += w * weights[a + j]! + x * weights[b + j]! + y * weights[c + j]! + z * weights[d + j]!;
      }
    }
    for (let j = 0; j < gates; j++) gate[j]! *= factors[row * gates + j]!;
    for (let k = 0; k < units; k++) {
      const [at, ofCell] = [row * units + k, (row % batch) * units + k];
      dCell[ofCell] = gate[k]! + gate[units + k]! + gate[2 * units + k]! + forget[at]! * dCell[ofCell]!;
      dHidden[at] = gate[3 * units + k]! + cellFactor[at]! * dCell[ofCell]!;
    }
  }
  return dHidden;
}

/** States of the step before, 0 before the first. @param states [t, b, u] */
const before = (states: Tensor3D): Tensor3D => {
  const [steps, batch, units] = states.shape;
  return tf.concat([tf.zeros<tf.Rank.R3>([1, batch, units]), tf.slice(states, 0, [steps - 1, batch, units])], 0);
};
