import * as tf from '@tensorflow/tfjs-core';
import { valueAndGradients } from '../../../trainer/numeric/gradients';
import { lookUpSum, selectRows } from '../../../trainer/ops/embedding';
import { gelu } from '../../../trainer/ops/gelu';
import { addLayerNorm } from '../../../trainer/ops/layer-norm';
import { linear } from '../../../trainer/ops/linear';
import { multiplyByConstant } from '../../../trainer/ops/multiply-by-constant';
import { describeOnEveryEngine } from '../../testkit/engines';
import { erf } from '../../testkit/naive-models';
import { expectSame } from '../../testkit/same-operation';
import { largestDifference, normalTensor } from '../../testkit/tensors';

const two = (tensor: tf.Tensor | undefined) => tensor as tf.Tensor2D;
const one = (tensor: tf.Tensor | undefined) => tensor as tf.Tensor1D;

describeOnEveryEngine('linear', () => {
  it('is x W^T + b with its gradients', () => {
    const inputs = { x: normalTensor('x', [5, 3]), w: normalTensor('w', [4, 3]), b: normalTensor('b', [4]) };
    expectSame(
      ({ x, w, b }) => linear(two(x), { weight: two(w), bias: one(b) }),
      ({ x, w, b }) => tf.add(tf.matMul(two(x), tf.transpose(two(w))), b!),
      inputs,
    );
  });

  // Few rows go through A and B one after the other, many through W + s B A.
  it.each([1, 5])('adds the low-rank part (alpha/r) B A x with its gradients, at %i rows', (rows) => {
    const inputs = {
      x: normalTensor('x', [rows, 3]),
      w: normalTensor('w', [4, 3]),
      down: normalTensor('down', [2, 3]),
      up: normalTensor('up', [4, 2]),
    };
    expectSame(
      ({ x, w, down, up }) =>
        linear(two(x), { weight: two(w), bias: null, lowRank: { down: two(down), up: two(up), scale: 1.5 } }),
      ({ x, w, down, up }) =>
        tf.matMul(two(x), tf.transpose(tf.add(w!, tf.mul(1.5, tf.matMul(two(up), two(down)))) as tf.Tensor2D)),
      inputs,
    );
  });
});

describeOnEveryEngine('gelu', () => {
  const points = [-5, -2.5, -1, -0.1, 0, 0.1, 0.5, 1, 3, 5];

  it('is x Phi(x), with slope Phi(x) + x phi(x), to float32', () => {
    const x = tf.tensor1d(points);
    const { gradients } = valueAndGradients(({ at }) => tf.sum(gelu(at!)), { at: x });
    const phi = points.map((p) => 0.5 * (1 + erf(p / Math.SQRT2)));
    const density = points.map((p) => Math.exp((-p * p) / 2) / Math.sqrt(2 * Math.PI));
    expect(
      largestDifference(
        gelu(x),
        points.map((p, i) => p * phi[i]!),
      ),
    ).toBeLessThan(1e-6);
    expect(
      largestDifference(
        gradients.at!,
        points.map((p, i) => phi[i]! + p * density[i]!),
      ),
    ).toBeLessThan(1e-6);
  });
});

describeOnEveryEngine('addLayerNorm', () => {
  const plain = (sum: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) => {
    const { mean, variance } = tf.moments(sum, 1, true);
    return tf.add(tf.mul(gamma, tf.div(tf.sub(sum, mean), tf.sqrt(tf.add(variance, 1e-12)))), beta);
  };

  it('normalises x + residual with gradients for both, gamma and beta', () => {
    const inputs = {
      x: normalTensor('x', [5, 6]),
      residual: normalTensor('r', [5, 6]),
      gamma: normalTensor('g', [6]),
      beta: normalTensor('b', [6]),
    };
    expectSame(
      ({ x, residual, gamma, beta }) =>
        addLayerNorm(two(x), two(residual), { weight: one(gamma), bias: one(beta) }, 1e-12),
      ({ x, residual, gamma, beta }) => plain(tf.add(x!, residual!), gamma!, beta!),
      inputs,
    );
  });

  it('works without a residual', () => {
    const inputs = { x: normalTensor('x', [3, 6]), gamma: normalTensor('g', [6]), beta: normalTensor('b', [6]) };
    expectSame(
      ({ x, gamma, beta }) => addLayerNorm(two(x), null, { weight: one(gamma), bias: one(beta) }, 1e-12),
      ({ x, gamma, beta }) => plain(x!, gamma!, beta!),
      inputs,
    );
  });
});

describeOnEveryEngine('embedding', () => {
  it('sums rows of several tables, and adds up the gradients of a row that was looked up twice', () => {
    const inputs = { word: normalTensor('word', [5, 3]), position: normalTensor('position', [4, 3]) };
    const words = Int32Array.of(4, 2, 4, 0);
    const positions = Int32Array.of(0, 1, 2, 0);
    const oneHot = (ids: Int32Array, depth: number) =>
      tf.oneHot(tf.tensor1d(ids, 'int32'), depth).toFloat() as tf.Tensor2D;
    expectSame(
      ({ word, position }) =>
        lookUpSum([
          { table: two(word), indices: words },
          { table: two(position), indices: positions },
        ]),
      ({ word, position }) =>
        tf.add(tf.matMul(oneHot(words, 5), two(word)), tf.matMul(oneHot(positions, 4), two(position))),
      inputs,
    );
  });

  it('selects rows, whose gradient is zero where none was selected', () => {
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    expect(Array.from(selectRows(x, Int32Array.of(2, 0)).dataSync())).toEqual([5, 6, 1, 2]);
    const { gradients } = valueAndGradients(({ x }) => tf.sum(selectRows(two(x), Int32Array.of(2, 0))), { x });
    expect(Array.from(gradients.x!.dataSync())).toEqual([1, 1, 0, 0, 1, 1]);
  });
});

describeOnEveryEngine('multiplyByConstant', () => {
  it('scales value and gradient alike', () => {
    const x = tf.tensor1d([1, 2, 3]);
    const factor = tf.tensor1d([0, 2, 2]);
    const { value, gradients } = valueAndGradients(({ x }) => tf.sum(multiplyByConstant(x!, factor)), { x });
    expect(value.dataSync()[0]).toBe(10);
    expect(Array.from(gradients.x!.dataSync())).toEqual([0, 2, 2]);
  });
});
