import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { startEngine } from '../../../trainer/engine/engine';
import {
  adamUpdate,
  addInPlace,
  attentionForward,
  attentionGradient,
  geluForward,
  geluGradient,
  layerNormForward,
  layerNormGradient,
} from '../../../trainer/engine/kernels';
import { normalTensor } from '../../testkit/tensors';

/** `threads-process.ts ENGINE THREADS` runs operations on tensors large enough to be divided, and prints a hash of what they give. */
async function main(): Promise<void> {
  const [engine, threads] = process.argv.slice(2) as ['native' | 'portable', string];
  await startEngine({ engine, device: 'cpu', threads: Number(threads) });
  const x = normalTensor('x', [601, 384]) as Tensor2D;
  const [gamma, beta] = [normalTensor('gamma', [384]), normalTensor('beta', [384])] as [Tensor1D, Tensor1D];
  const norm = layerNormForward(x, x, gamma, beta, 1e-12);
  const constants = { beta1: 0.9, beta2: 0.999, rate: 0.02, epsilon: 1e-7, gradientDecay: 0.1, keep: 0.98 };
  const moments = { meanGradient: normalTensor('m', x.shape), meanSquare: tf.square(normalTensor('s', x.shape)) };
  const adam = adamUpdate({ weight: x, gradient: norm.output, ...moments }, constants);
  const places = tf.tensor2d([0, 400, 0, 400, 400, 201, 400, 201], [2, 4], 'int32');
  const prefix = normalTensor('prefix', [3, 384]) as Tensor2D;
  const given = { query: x, key: norm.output, value: norm.normal, prefixKey: prefix, prefixValue: prefix };
  const attended = attentionForward({ ...given, places, dropout: null }, 12);
  const attendedGradient = attentionGradient(x, { ...given, places, dropout: null }, attended.probabilities, 12);
  // On portable the first product starts the threads that the second finds.
  const products = [tf.matMul(x, norm.output, true)];
  await sleep(300);
  products.push(tf.matMul(x, norm.output, true));
  const hash = createHash('sha256');
  for (const tensor of [
    ...[norm.output, norm.normal, norm.inverseDeviation, layerNormGradient(x, norm, gamma)],
    ...[geluForward(x), geluGradient(x, norm.output)],
    ...[...Object.values(adam), attended.context, ...Object.values(attendedGradient)],
    ...[addInPlace(tf.mul(x, 2), gamma), ...products],
  ])
    hash.update(tensor.dataSync());
  process.stdout.write(hash.digest('hex'));
}

void main();
