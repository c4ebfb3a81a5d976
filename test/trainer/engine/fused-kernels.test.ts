import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  composedGelu,
  composedGeluGradient,
  composedLayerNorm,
  composedLayerNormGradient,
} from '../../../trainer/engine/composed-kernels';
import {
  addInPlace,
  geluForward,
  geluGradient,
  layerNormForward,
  layerNormGradient,
} from '../../../trainer/engine/kernels';
import { availableEngines, describeOnEveryEngine } from '../../testkit/engines';
import { erf } from '../../testkit/naive-models';
import { largestDifference, normalTensor } from '../../testkit/tensors';

// Around the registers of 4 and 16 numbers, and one of the encoder's.
const sizes: [number, number][] = [
  [1, 1],
  [3, 7],
  [5, 16],
  [4, 35],
  [70, 384],
];

describeOnEveryEngine('addInPlace', () => {
  it.each(sizes)('adds a row to every row, and a matrix, at [%i, %i]', (rows, width) => {
    for (const shape of [[width], [rows, width]]) {
      const [x, y] = [normalTensor('x', [rows, width]), normalTensor('y', shape)] as [Tensor2D, Tensor2D];
      const [from, added] = [[...x.dataSync()], y.dataSync()];
      const expected = from.map((value, i) => Math.fround(value + added[i % added.length]!));
      const sum = addInPlace(x, y);
      expect({ shape: sum.shape, values: [...sum.dataSync()] }).toEqual({ shape: [rows, width], values: expected });
      x.dispose();
      expect([...sum.dataSync()]).toEqual(expected);
    }
  });
});

describeOnEveryEngine('gelu', () => {
  it.each(sizes)('and its gradient equal their float64 values at [%i, %i]', (rows, width) => {
    const [x, dy] = [normalTensor('x', [rows, width], 3), normalTensor('dy', [rows, width])] as [Tensor2D, Tensor2D];
    const points = [...x.dataSync()];
    const seeds = dy.dataSync();
    const phi = points.map((p) => (1 + erf(p / Math.SQRT2)) / 2);
    const slope = points.map((p, i) => phi[i]! + (p * Math.exp((-p * p) / 2)) / Math.sqrt(2 * Math.PI));
    const values = points.map((p, i) => p * phi[i]!);
    expect(largestDifference(geluForward(x), values)).toBeLessThan(2e-6);
    const gradients = slope.map((s, i) => s * seeds[i]!);
    expect(largestDifference(geluGradient(x, dy), gradients)).toBeLessThan(2e-6);
  });

  it('is flat far from 0, on either side, and NaN where x is', () => {
    const x = tf.tensor1d([-200, -14, 14, 200, Number.NaN]);
    expect([...geluForward(x).dataSync()]).toEqual([-0, -0, 14, 200, Number.NaN]);
    expect([...geluGradient(x, tf.onesLike(x)).dataSync()].map((slope) => Math.round(slope * 1e9) / 1e9)).toEqual([
      0,
      0,
      1,
      1,
      Number.NaN,
    ]);
  });

  it('equals its composition, which a GPU takes', () => {
    const [x, dy] = [normalTensor('x', [9, 35]), normalTensor('dy', [9, 35])];
    expect(largestDifference(geluForward(x), composedGelu({ x }) as Tensor)).toBeLessThan(1e-6);
    expect(largestDifference(geluGradient(x, dy), composedGeluGradient({ x, dy }) as Tensor)).toBeLessThan(1e-6);
  });
});

describeOnEveryEngine('layer norm', () => {
  const epsilon = 1e-3;
  const inputs = (rows: number, width: number) => ({
    x: normalTensor('x', [rows, width]) as Tensor2D,
    residual: normalTensor('residual', [rows, width]) as Tensor2D,
    gamma: normalTensor('gamma', [width]) as Tensor1D,
    beta: normalTensor('beta', [width]) as Tensor1D,
    dy: normalTensor('dy', [rows, width]) as Tensor2D,
  });

  it.each(sizes)('equals its float64 value at [%i, %i], with a residual and without', (rows, width) => {
    const { x, residual, gamma, beta } = inputs(rows, width);
    for (const added of [residual, null]) {
      const sums = (added ? tf.add<Tensor2D>(x, added) : x).arraySync();
      const deviations = sums.map(({ length }, i) => {
        const mean = sums[i]!.reduce((sum, s) => sum + s, 0) / length;
        return Math.sqrt(sums[i]!.reduce((sum, s) => sum + (s - mean) ** 2, 0) / length + epsilon);
      });
      const normal = sums.map((row, i) => {
        const mean = row.reduce((sum, s) => sum + s, 0) / row.length;
        return row.map((s) => (s - mean) / deviations[i]!);
      });
      const [scale, shift] = [gamma.dataSync(), beta.dataSync()];
      const output = normal.map((row) => row.map((n, j) => n * scale[j]! + shift[j]!));
      const actual = layerNormForward(x, added, gamma, beta, epsilon);
      expect(largestDifference(actual.normal, normal.flat())).toBeLessThan(3e-6);
      expect(largestDifference(actual.output, output.flat())).toBeLessThan(1e-5);
      expect(actual.inverseDeviation.shape).toEqual([rows, 1]);
      const relative = [...actual.inverseDeviation.dataSync()].map((r, i) => r * deviations[i]!);
      expect(largestDifference(relative, Array(rows).fill(1))).toBeLessThan(2e-6);
    }
  });

  it.each(sizes)('has the gradient of central differences in float64 at [%i, %i]', (rows, width) => {
    const { x, residual, gamma, beta, dy } = inputs(rows, width);
    const gradient = layerNormGradient(dy, layerNormForward(x, residual, gamma, beta, epsilon), gamma);
    const sum = tf.add(x, residual).arraySync() as number[][];
    const [seeds, scale] = [dy.arraySync(), gamma.dataSync()];
    const loss = (row: number[], seed: number[]) => {
      const mean = row.reduce((total, s) => total + s, 0) / width;
      const deviation = Math.sqrt(row.reduce((total, s) => total + (s - mean) ** 2, 0) / width + epsilon);
      return row.reduce((total, s, j) => total + (seed[j]! * scale[j]! * (s - mean)) / deviation, 0);
    };
    const actual = gradient.arraySync();
    for (const row of [0, rows - 1])
      for (const column of [0, width >> 1, width - 1]) {
        const moved = (by: number) => sum[row]!.map((s, j) => (j === column ? s + by : s));
        const expected = (loss(moved(1e-4), seeds[row]!) - loss(moved(-1e-4), seeds[row]!)) / 2e-4;
        expect(Math.abs(actual[row]![column]! - expected)).toBeLessThan(1e-4 * Math.max(1, Math.abs(expected)));
      }
  });

  it('equals its composition, which a GPU takes', () => {
    const { x, residual, gamma, beta, dy } = inputs(9, 35);
    for (const added of [residual, null]) {
      const own = layerNormForward(x, added, gamma, beta, epsilon);
      const given: Record<string, Tensor> = added === null ? { x, gamma, beta } : { x, residual: added, gamma, beta };
      const composed = composedLayerNorm(given, epsilon) as Tensor[];
      [own.output, own.normal, own.inverseDeviation].forEach((tensor, i) => {
        expect(largestDifference(tensor, composed[i]!)).toBeLessThan(1e-5);
      });
      const { normal, inverseDeviation } = own;
      const gradient = composedLayerNormGradient({ dy, normal, inverseDeviation, gamma }) as Tensor;
      expect(largestDifference(layerNormGradient(dy, own, gamma), gradient)).toBeLessThan(1e-5);
    }
  });
});

describe.each(['native', 'portable'] as const)('operations of %s', (engine) => {
  const itWithEngine = availableEngines().includes(engine) ? it : it.skip;

  itWithEngine('give the same numbers whatever the number of threads, and the process ends by itself', () => {
    const results = [1, 2, 3].map((threads) => {
      const parameters = ['--import', 'tsx', join(__dirname, 'threads-process.ts'), engine, String(threads)];
      const { stdout, stderr, status } = spawnSync(process.execPath, parameters, { encoding: 'utf8', timeout: 30_000 });
      return { stdout, failure: status === 0 ? '' : stderr };
    });
    expect(results[0]).toEqual({ stdout: expect.stringMatching(/^[0-9a-f]{64}$/), failure: '' });
    expect(results).toEqual(results.map(() => results[0]));
  });
});
