import * as tf from '@tensorflow/tfjs-core';
import { valueAndGradients } from '../../../trainer/gradients';
import type { Weights } from '../../../trainer/models/weights';
import { attention, attentionLayout } from '../../../trainer/ops/attention';
import { lookUpSum, selectRows } from '../../../trainer/ops/embedding';
import { gelu } from '../../../trainer/ops/gelu';
import { addLayerNorm } from '../../../trainer/ops/layer-norm';
import { linear } from '../../../trainer/ops/linear';
import { multiplyByConstant } from '../../../trainer/ops/multiply-by-constant';
import { describeOnEveryEngine } from '../../testkit/engines';
import { erf } from '../../testkit/naive-models';
import { largestDifference, normalTensor } from '../../testkit/tensors';

type Function = (inputs: Weights) => tf.Tensor;

/** Holds value and gradients of `operation` against those that TensorFlow.js derives from `plain`, both from one seed. */
function expectSame(operation: Function, plain: Function, inputs: Weights): void {
  tf.tidy(() => {
    const shape = plain(inputs).shape;
    const weighted = (f: Function) => (x: Weights) => tf.sum<tf.Scalar>(tf.mul(f(x), normalTensor('seed', shape)));
    expect(largestDifference(operation(inputs), plain(inputs))).toBeLessThan(2e-6);
    const actual = valueAndGradients(weighted(operation), inputs).gradients;
    const names = Object.keys(inputs);
    const expected = tf.grads((...x: tf.Tensor[]) =>
      weighted(plain)(Object.fromEntries(names.map((n, i) => [n, x[i]!]))),
    )(Object.values(inputs));
    names.forEach((name, i) => {
      expect({ name, close: largestDifference(actual[name]!, expected[i]!) < 1e-5 }).toEqual({ name, close: true });
    });
  });
}

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

/** Attention of each sequence by itself, head by head, in operations that TensorFlow.js derives. */
function plainAttention(
  { query, key, value }: Weights,
  lengths: number[],
  heads: number,
  {
    rows = lengths,
    perSequence = false,
    dropout,
  }: { rows?: number[]; perSequence?: boolean; dropout?: tf.Tensor4D } = {},
): tf.Tensor {
  const width = key!.shape[1]! / heads;
  let first = 0;
  const outputs = lengths.map((length, s) => {
    const asking = perSequence ? 1 : rows[s]!;
    const out = Array.from({ length: heads }, (_, head) => {
      const part = (x: tf.Tensor, from: number, count: number) =>
        tf.slice(two(x), [from, head * width], [count, width]) as tf.Tensor2D;
      const q = part(query!, perSequence ? s : first, asking);
      const scores = tf.div(tf.matMul(q, tf.transpose(part(key!, first, length))), Math.sqrt(width));
      const p = tf.softmax(scores);
      const kept = dropout
        ? tf.mul(p, tf.reshape(tf.slice(dropout, [s, head, 0, 0], [1, 1, asking, length]), [asking, length]))
        : p;
      return tf.matMul(kept as tf.Tensor2D, part(value!, first, length));
    });
    first += rows[s]!;
    return tf.concat(out, 1);
  });
  return tf.concat(outputs, 0);
}

describeOnEveryEngine('attention', () => {
  const lengths = [3, 1, 4];
  const heads = 2;
  const flat = (rows: number, queries = rows) => ({
    query: normalTensor('q', [queries, 6]),
    key: normalTensor('k', [rows, 6]),
    value: normalTensor('v', [rows, 6]),
  });
  const run =
    (layoutLengths: number[], options: object = {}, paddedRows = false): Function =>
    ({ query, key, value }) =>
      attention({
        ...{ query: two(query), key: two(key), value: two(value) },
        layout: attentionLayout(Int32Array.from(layoutLengths), heads, paddedRows),
        ...options,
      });

  it('lets every token see its own sequence alone', () => {
    expectSame(run(lengths), (inputs) => plainAttention(inputs, lengths, heads), flat(8));
  });

  it('works where nothing is padded', () => {
    expectSame(run([4, 4]), (inputs) => plainAttention(inputs, [4, 4], heads), flat(8));
  });

  it('answers one query a sequence', () => {
    const perSequence = { perSequence: true };
    expectSame(
      run(lengths, { queryPerSequence: true }),
      (inputs) => plainAttention(inputs, lengths, heads, perSequence),
      flat(8, 3),
    );
  });

  it('leaves padding out of what tokens see where the rows hold it', () => {
    const options = { rows: [4, 4, 4] };
    expectSame(run(lengths, {}, true), (inputs) => plainAttention(inputs, lengths, heads, options), flat(12));
  });

  it('multiplies probabilities by dropout factors', () => {
    const dropout = normalTensor('mask', [3, heads, 4, 4]) as tf.Tensor4D;
    expectSame(run(lengths, { dropout }), (inputs) => plainAttention(inputs, lengths, heads, { dropout }), flat(8));
  });

  it('gives the gradient of the values alone where nothing else learns', () => {
    const { query, key, value } = flat(8);
    const loss = (f: Function) => (w: Weights) => tf.sum<tf.Scalar>(tf.square(f({ query: query!, key: key!, ...w })));
    const actual = valueAndGradients(loss(run(lengths)), { value }).gradients.value!;
    const expected = tf.grad((v) => loss((w) => plainAttention(w, lengths, heads))({ value: v }))(value);
    expect(largestDifference(actual, expected)).toBeLessThan(1e-5);
  });
});
