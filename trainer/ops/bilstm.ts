import type { Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type LstmTrace, lstmForward, lstmGradient } from '../engine/kernels';
import { differentiable } from './differentiable';

export interface LstmWeights {
  /** [in + u, 4u]: rows of the input above rows of the hidden state; columns gate by gate, i f c o */
  weight: Tensor2D;
  /** [4u] */
  bias: Tensor1D;
}

const traceNames = [
  'inputGate',
  'cellState',
  'forgetGate',
  'outputGate',
  'cellInput',
  'cellOutput',
  'hidden',
] as const satisfies (keyof LstmTrace)[];

/**
 * Final states of a bidirectional LSTM (Hochreiter and Schmidhuber, 1997; Graves and Schmidhuber, 2005): the forward
 * direction's after the last token, then the backward direction's after the first, each at the true end of its sequence.
 *
 * i, f, o = sigmoid, c = tanh of [x_t, h_{t-1}] W + bias; cell_t = f cell_{t-1} + i c; h_t = o tanh(cell_t).
 *
 * @param x [n, in], the sequences' tokens one behind the other
 * @param lengths tokens of each sequence, all >= 1, n in sum
 * @returns [b, 2u]
 */
export function bilstmFinalStates(
  x: Tensor2D,
  lengths: Int32Array,
  forwardWeights: LstmWeights,
  backwardWeights: LstmWeights,
): Tensor2D {
  return bilstm(x, lengths, [forwardWeights, backwardWeights], () => lastPlaces(lengths));
}

/** As `bilstmFinalStates`, but the two directions' states at every token, [n, 2u]. */
export function bilstmStates(
  x: Tensor2D,
  lengths: Int32Array,
  forwardWeights: LstmWeights,
  backwardWeights: LstmWeights,
): Tensor2D {
  return bilstm(x, lengths, [forwardWeights, backwardWeights], (places) => places.placeOf);
}

/** @param placesRead rows of a direction's states [t b, u] that come out, by where its tokens stand there */
function bilstm(
  x: Tensor2D,
  lengths: Int32Array,
  directions: readonly [LstmWeights, LstmWeights],
  placesRead: (places: TimeMajorPlaces) => Int32Array,
): Tensor2D {
  const [forwardWeights, backwardWeights] = directions;
  const batch = lengths.length;
  const steps = lengths.reduce((longest, length) => Math.max(longest, length), 0);
  const units = forwardWeights.bias.shape[0] / 4;
  const [tokens, inputs] = x.shape;
  return differentiable<'x' | 'forward' | 'forwardBias' | 'backward' | 'backwardBias', Tensor2D>({
    name: 'bilstm',
    inputs: {
      x,
      forward: forwardWeights.weight,
      forwardBias: forwardWeights.bias,
      backward: backwardWeights.weight,
      backwardBias: backwardWeights.bias,
    },
    forward: () => {
      const passes = directions.map(({ weight, bias }, direction) => {
        const places = timeMajorPlaces(lengths, steps, direction === 1);
        const placeOf = tf.tensor1d(places.placeOf, 'int32');
        const read = tf.tensor1d(placesRead(places), 'int32');
        const padded = tf.reshape(tf.gather(x, tf.tensor1d(places.tokenAt, 'int32')), [steps, batch, inputs]);
        const trace = lstmForward(padded as Tensor3D, weight, bias);
        const states = tf.gather(tf.reshape(trace.hidden, [steps * batch, units]), read); // [b or n, u]
        return { states, saved: [padded, placeOf, read, ...traceNames.map((name) => trace[name])] };
      });
      const weights = directions.flatMap(({ weight, bias }) => [weight, bias]);
      return {
        output: tf.concat(
          passes.map(({ states }) => states),
          1,
        ) as Tensor2D,
        saved: [...weights, ...passes.flatMap(({ saved }) => saved)],
      };
    },
    gradient: (dy, saved, needs) => {
      const dStates = tf.split(dy, 2, 1); // [b or n, u] each
      const perDirection = directions.map((_, direction) => {
        const [weight, bias] = saved.slice(2 * direction) as [Tensor2D, Tensor1D];
        const [padded, placeOf, read, ...traced] = saved.slice(4 + direction * (3 + traceNames.length));
        const trace = Object.fromEntries(traceNames.map((name, index) => [name, traced[index]]));
        const dHidden = tf.unsortedSegmentSum(dStates[direction]!, read as Tensor1D, steps * batch);
        const gradient = lstmGradient(
          padded as Tensor3D,
          weight,
          bias,
          trace as unknown as LstmTrace,
          tf.reshape(dHidden, [steps, batch, units]) as Tensor3D,
        );
        const dPadded = tf.reshape(gradient.input, [steps * batch, inputs]);
        return { ...gradient, x: needs('x') ? tf.gather(dPadded, placeOf as Tensor1D) : null };
      });
      const [ahead, back] = perDirection as [(typeof perDirection)[0], (typeof perDirection)[0]];
      return {
        x: needs('x') ? tf.reshape(tf.add(ahead.x!, back.x!), [tokens, inputs]) : undefined,
        forward: ahead.weight,
        forwardBias: ahead.bias,
        backward: back.weight,
        backwardBias: back.bias,
      };
    },
  });
}

/** Row of [t b, u] of each sequence's last step; in the backward direction the last step reads the first token. */
function lastPlaces(lengths: Int32Array): Int32Array {
  return lengths.map((length, sequence) => (length - 1) * lengths.length + sequence);
}

interface TimeMajorPlaces {
  /** [t b]: token at each place. */
  tokenAt: Int32Array;
  /** [n]: place of each token. */
  placeOf: Int32Array;
}

/**
 * Where tokens stand in [t b]: step t of sequence s at row t b + s, or counted from the sequence's end where `reversed`.
 * Rows beyond an end read the first token; nothing reads what comes of it.
 */
export function timeMajorPlaces(lengths: Int32Array, steps: number, reversed: boolean): TimeMajorPlaces {
  const batch = lengths.length;
  const tokenAt = new Int32Array(steps * batch);
  const placeOf = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
  let first = 0;
  lengths.forEach((length, sequence) => {
    for (let step = 0; step < length; step++) {
      const token = first + (reversed ? length - 1 - step : step);
      tokenAt[step * batch + sequence] = token;
      placeOf[token] = step * batch + sequence;
    }
    first += length;
  });
  return { tokenAt, placeOf };
}
