import { setTimeout as sleep } from 'node:timers/promises';
import type { Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../../../trainer/engine/engine';
import { lstmForward } from '../../../trainer/engine/kernels';

/** Computes LSTMs on native for three seconds while signals arrive, and prints how many of either there were. */
async function main(): Promise<void> {
  let signals = 0;
  process.on('SIGUSR2', () => {
    signals++;
  });
  await startEngine({ engine: 'native', device: 'cpu', threads: 1 });
  process.stdout.write('started\n');
  const [x, weight, bias] = [tf.ones([17, 32, 50]), tf.ones([100, 200]), tf.zeros([200])];
  const end = performance.now() + 3000;
  let passes = 0;
  while (performance.now() < end) {
    tf.tidy(() => {
      lstmForward(x as Tensor3D, weight as Tensor2D, bias as Tensor1D);
    });
    passes++;
    if (passes % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  process.stdout.write(`${JSON.stringify({ signals, passes })}\n`);
  // Until no more signals come: without its handler one would end the process.
  await sleep(500);
}

void main();
