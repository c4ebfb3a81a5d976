import * as tf from '@tensorflow/tfjs-core';
import { type EngineRequest, startEngine } from '../engine';
import { lstmForward } from '../kernels';
import type { Proof } from './proof';

/** Started by `proof.ts`: prints one line of JSON. */
async function prove(): Promise<Proof> {
  const choice = await startEngine(JSON.parse(process.argv[2]!) as EngineRequest);
  if (choice.kind === 'unavailable') {
    return { kind: 'failed', reason: choice.problems.map(({ path, message }) => `${path}: ${message}`).join('; ') };
  }
  const [[a, b]] = tf
    .matMul(
      [[1, 2]],
      [
        [3, 5],
        [7, 11],
      ],
    )
    .arraySync() as [[number, number]];
  if (a !== 17 || b !== 27) return { kind: 'failed', reason: `[1 2] x [3 5; 7 11] gave ${a} ${b} instead of 17 27` };
  // One unit, no weights: gates from the bias alone, i = o = sigmoid(0) = 1/2, c = tanh(1); h = tanh(c / 2) / 2.
  const { hidden } = lstmForward(tf.ones([1, 1, 1]), tf.zeros([2, 4]), tf.tensor1d([0, 0, 1, 0]));
  const expected = Math.tanh(Math.tanh(1) / 2) / 2;
  const [found] = hidden.dataSync() as Float32Array;
  if (!(Math.abs(found! - expected) < 1e-6))
    return { kind: 'failed', reason: `LSTM gave ${found} instead of ${expected}` };
  return { kind: 'passed', engine: choice.engine };
}

prove().then((proof) => console.log(JSON.stringify(proof)));
