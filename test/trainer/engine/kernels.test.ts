import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { halfSquaredNorm, lstmForward, lstmGradient } from '../../../trainer/engine/kernels';
import { type NativeBackend, ownAdam, variablesAdam } from '../../../trainer/engine/native-kernels';
import { availableEngines, describeOnEveryEngine, useEngine } from '../../testkit/engines';
import { largestDifference, normalTensor } from '../../testkit/tensors';
import { lstmHiddenStates } from './float64-lstm';

/** Product of two matrices in float64, each read as it lies or transposed. */
function naiveProduct(a: number[][], b: number[][], transposeA: boolean, transposeB: boolean): number[][] {
  const rows = transposeA ? a[0]!.map((_, i) => a.map((row) => row[i]!)) : a;
  const columns = transposeB ? b : b[0]!.map((_, j) => b.map((row) => row[j]!));
  return rows.map((row) => columns.map((column) => row.reduce((sum, value, k) => sum + value * column[k]!, 0)));
}

describeOnEveryEngine('matMul', () => {
  const transposes = [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const;
  // Sizes around the tile of 4 x 8 and the depth block of 512, and one of attention's.
  const sizes = [
    [1, 1, 1],
    [3, 5, 7],
    [4, 8, 16],
    [17, 32, 17],
    [9, 13, 1030],
    [33, 3, 513],
  ] as const;

  it.each(transposes)('equals the float64 product, a transposed %s, b transposed %s', (transposeA, transposeB) => {
    for (const [m, n, k] of sizes) {
      const a = normalTensor(`a${m}`, transposeA ? [k, m] : [m, k]) as Tensor2D;
      const b = normalTensor(`b${n}`, transposeB ? [n, k] : [k, n]) as Tensor2D;
      const expected = naiveProduct(a.arraySync(), b.arraySync(), transposeA, transposeB);
      const product = tf.matMul(a, b, transposeA, transposeB);
      expect(product.shape).toEqual([m, n]);
      expect(largestDifference(product, expected.flat())).toBeLessThan(2e-6 * k);
    }
  });

  it.each(transposes)('of batches broadcasts like its matrices one by one, %s %s', (transposeA, transposeB) => {
    const matrix = (key: string, batch: number[], rows: number, columns: number, transposed: boolean) =>
      normalTensor(key, [...batch, ...(transposed ? [columns, rows] : [rows, columns])]);
    // Batch shapes of the sides, and of the product.
    const batches: [number[], number[]][] = [
      [
        [2, 3],
        [2, 3],
      ],
      [
        [2, 3],
        [1, 1],
      ],
      [
        [1, 1],
        [2, 3],
      ],
      [
        [2, 1],
        [1, 3],
      ],
      [[3], [2, 1]],
    ];
    for (const [left, right] of batches) {
      const a = matrix('a', left, 5, 6, transposeA);
      const b = matrix('b', right, 6, 9, transposeB);
      const product = tf.matMul(a, b, transposeA, transposeB);
      const shape = tf.broadcast_util.assertAndGetBroadcastShape(left, right);
      expect(product.shape).toEqual([...shape, 5, 9]);
      const [wideA, wideB] = [
        tf.broadcastTo(a, [...shape, ...a.shape.slice(-2)]),
        tf.broadcastTo(b, [...shape, ...b.shape.slice(-2)]),
      ].map((side) => tf.reshape(side, [-1, ...(side.shape.slice(-2) as [number, number])]) as Tensor3D) as [
        Tensor3D,
        Tensor3D,
      ];
      const expected = wideA
        .arraySync()
        .map((each, index) => naiveProduct(each, wideB.arraySync()[index]!, transposeA, transposeB));
      expect(largestDifference(product, expected.flat(2))).toBeLessThan(1e-5);
    }
  });

  it('has the gradients dC b^T and a^T dC', () => {
    const a = tf.tensor2d([[1, 2]]);
    const b = tf.tensor2d([[3, 5], [7, 11]]); // biome-ignore format: a matrix
    const [da, db] = tf.grads((x, y) => tf.sum(tf.square(tf.matMul(x, y))))([a, b]) as [Tensor, Tensor];
    // C = [17, 27], dC = [34, 54]
    expect([...da.dataSync()]).toEqual([34 * 3 + 54 * 5, 34 * 7 + 54 * 11]);
    expect([...db.dataSync()]).toEqual([34, 54, 68, 108]);
  });
});

describeOnEveryEngine('rows', () => {
  const table = () => tf.tensor2d([[1, 2, 3, 4, 5], [10, 20, 30, 40, 50], [-1, -2, -3, -4, -5]]); // biome-ignore format: a matrix

  it('are gathered in any order and shape of ids', () => {
    const gathered = tf.gather(table(), tf.tensor2d([[2, 0], [2, 1]], [2, 2], 'int32')); // biome-ignore format: a matrix
    expect(gathered.shape).toEqual([2, 2, 5]);
    expect([...gathered.dataSync()]).toEqual([
      -1, -2, -3, -4, -5, 1, 2, 3, 4, 5, -1, -2, -3, -4, -5, 10, 20, 30, 40, 50,
    ]);
    expect([...tf.gather(tf.tensor1d([5, 6, 7], 'int32'), tf.tensor1d([2, 0], 'int32')).dataSync()]).toEqual([7, 5]);
    expect([...tf.gather(table(), tf.tensor1d([4, 0], 'int32'), 1).dataSync()]).toEqual([5, 1, 50, 10, -5, -1]);
  });

  it('are refused where an id is out of range', () => {
    expect(() => tf.gather(table(), tf.tensor1d([0, 3], 'int32')).dataSync()).toThrow(/3/);
  });

  it('are added up by segment, and segments without rows are zero', () => {
    const sums = tf.unsortedSegmentSum(table(), tf.tensor1d([3, 0, 3], 'int32'), 4);
    expect(sums.arraySync()).toEqual([[10, 20, 30, 40, 50], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]); // biome-ignore format: a matrix
  });

  it('send their gradient back to where they were gathered from', () => {
    const gradient = tf.grad((x) =>
      tf.sum(tf.mul(tf.gather(x, tf.tensor1d([1, 1, 2], 'int32')), tf.tensor2d([[2], [3], [5]]))),
    );
    expect(gradient(table()).arraySync()).toEqual([[0, 0, 0, 0, 0], [5, 5, 5, 5, 5], [5, 5, 5, 5, 5]]); // biome-ignore format: a matrix
  });

  it('are summed over leading axes, last axes and all', () => {
    const x = tf.reshape(tf.range(0, 12), [2, 3, 2]);
    expect([...tf.sum(x, 0).dataSync()]).toEqual([6, 8, 10, 12, 14, 16]);
    expect([...tf.sum(x, [1, 0]).dataSync()]).toEqual([30, 36]);
    expect(tf.sum(x, [0, 1], true).shape).toEqual([1, 1, 2]);
    expect([...tf.sum(x, -1).dataSync()]).toEqual([1, 5, 9, 13, 17, 21]);
    expect(tf.sum(x).dataSync()[0]).toBe(66);
  });
});

describeOnEveryEngine('element-wise functions', () => {
  // Seven of the values lie beyond the last full vector of four.
  const points = Float32Array.from([
    ...Array.from({ length: 2000 }, (_, i) => (i - 1000) / 100),
    -30,
    30,
    1e-4,
    -1e-4,
    0,
    0.5,
    88,
  ]);

  /** erf x = 2/sqrt(pi) sum (-1)^n x^(2n+1) / (n! (2n+1)), in float64; 1 beyond 4.5 to 2e-10. */
  function erf(x: number): number {
    if (Math.abs(x) > 4.5) return Math.sign(x);
    let term = x;
    let sum = x;
    for (let n = 1; n < 120; n++) {
      term *= -(x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }

  const cases: [string, (x: Tensor) => Tensor, (x: number) => number][] = [
    ['exp', tf.exp, Math.exp],
    ['tanh', tf.tanh, Math.tanh],
    ['erf', tf.erf, erf],
    ['sigmoid', tf.sigmoid, (x) => 1 / (1 + Math.exp(-x))],
  ];

  it.each(cases)('%s agrees with float64 to 5e-7 of its value or of 1', (_, onEngine, exact) => {
    const found = onEngine(tf.tensor1d(points)).dataSync();
    points.forEach((x, index) => {
      const expected = exact(x);
      const tolerance = 5e-7 * Math.max(1, Math.abs(expected));
      expect(Math.abs(found[index]! - expected)).toBeLessThanOrEqual(tolerance);
    });
  });

  it('saturate at the ends and let NaN through', () => {
    const ends = tf.tensor1d([-1000, 1000, Number.NaN]);
    expect([...tf.exp(ends).dataSync()]).toEqual([0, Number.POSITIVE_INFINITY, Number.NaN]);
    expect([...tf.tanh(ends).dataSync()]).toEqual([-1, 1, Number.NaN]);
    const [low, high, nothing] = tf.erf(ends).dataSync();
    expect([low, high]).toEqual([expect.closeTo(-1, 6), expect.closeTo(1, 6)]);
    expect(nothing).toBeNaN();
  });
});

describeOnEveryEngine('lstm', () => {
  const [steps, batch, inputs, units] = [4, 3, 5, 6] as const; // 6 units: half a vector is left over
  const arrange = () => ({
    x: normalTensor('x', [steps, batch, inputs]) as Tensor3D,
    weight: normalTensor('w', [inputs + units, 4 * units], 0.5) as Tensor2D,
    bias: normalTensor('b', [4 * units]) as Tensor1D,
    seed: normalTensor('seed', [steps, batch, units]) as Tensor3D,
  });

  it('computes the hidden states of the formula in float64', () => {
    const { x, weight, bias } = arrange();
    const { hidden } = lstmForward(x, weight, bias);
    const expected = lstmHiddenStates(x.arraySync(), weight.arraySync(), bias.arraySync());
    expect(largestDifference(hidden, expected.flat(2))).toBeLessThan(1e-6);
  });

  it('has the gradient of central differences in float64', () => {
    const { x, weight, bias, seed } = arrange();
    const trace = lstmForward(x, weight, bias);
    const found = lstmGradient(x, weight, bias, trace, seed);
    const weights = seed.arraySync().flat(2);
    const loss = (values: Float64Array[]) => {
      const [xs, ws, bs] = values as [Float64Array, Float64Array, Float64Array];
      const row = (array: Float64Array, index: number, width: number) => [
        ...array.subarray(index * width, (index + 1) * width),
      ];
      const input = Array.from({ length: steps }, (_, t) =>
        Array.from({ length: batch }, (_, i) => row(xs, t * batch + i, inputs)),
      );
      const matrix = Array.from({ length: inputs + units }, (_, i) => row(ws, i, 4 * units));
      return lstmHiddenStates(input, matrix, [...bs])
        .flat(2)
        .reduce((sum, h, index) => sum + h * weights[index]!, 0);
    };
    const values = [x, weight, bias].map((tensor) => Float64Array.from(tensor.dataSync()));
    [found.input, found.weight, found.bias].forEach((gradient, which) => {
      const expected = centralDifferences(() => loss(values), values[which]!);
      expect(largestDifference(gradient, expected)).toBeLessThan(2e-5);
    });
  });

  it('of one step has no gradient for the hidden rows of its weight', () => {
    const { weight, bias } = arrange();
    const x = tf.ones([1, batch, inputs]) as Tensor3D;
    const { weight: gradient } = lstmGradient(
      x,
      weight,
      bias,
      lstmForward(x, weight, bias),
      tf.ones([1, batch, units]),
    );
    expect(tf.max(tf.abs(tf.slice(gradient, [inputs, 0]))).dataSync()[0]).toBe(0);
    expect(tf.min(tf.max(tf.abs(tf.slice(gradient, [0, 0], [inputs, 4 * units])), 1)).dataSync()[0]).toBeGreaterThan(0);
  });
});

function centralDifferences(loss: () => number, values: Float64Array): number[] {
  const step = 1e-5;
  return [...values].map((value, index) => {
    values[index] = value + step;
    const above = loss();
    values[index] = value - step;
    const below = loss();
    values[index] = value;
    return (above - below) / (2 * step);
  });
}

describeOnEveryEngine('halfSquaredNorm', () => {
  it('is half the float64 sum of the squares', () => {
    const x = normalTensor('x', [37, 11]);
    const expected = [...x.dataSync()].reduce((sum, value) => sum + value * value, 0) / 2;
    expect(halfSquaredNorm(x).shape).toEqual([]);
    expect(Math.abs(halfSquaredNorm(x).dataSync()[0]! / expected - 1)).toBeLessThan(1e-6);
  });

  it('is NaN where an element is', () => {
    expect(halfSquaredNorm(tf.tensor1d([1, Number.NaN, 2])).dataSync()[0]).toBeNaN();
  });
});

const native = availableEngines().includes('native');

(native ? describe : describe.skip)(
  `Adam of the addon${native ? '' : ' (not installed, run `npm run engine`)'}`,
  () => {
    beforeAll(() => useEngine('native'));
    beforeEach(() => tf.engine().startScope());
    afterEach(() => tf.engine().endScope());

    // The optimizer's tests hold whichever runs to PyTorch; a GPU, and an addon that was not built here, have the other.
    it('equals that of TensorFlow variables, and leaves what it was given as it was', () => {
      const shape = [33, 7];
      const inputs = {
        weight: normalTensor('weight', shape),
        gradient: normalTensor('gradient', shape),
        meanGradient: normalTensor('mean', shape),
        meanSquare: tf.square(normalTensor('square', shape)),
      };
      const before = Object.values(inputs).map((tensor) => [...tensor.dataSync()]);
      const constants = { beta1: 0.9, beta2: 0.999, rate: 0.02, epsilon: 1e-7, gradientDecay: 0.1, keep: 0.98 };
      const backend = tf.backend() as unknown as NativeBackend;
      const own = ownAdam(inputs, constants, backend) as Tensor[];
      const variables = variablesAdam(inputs, constants, backend) as Tensor[];
      for (const [index, tensor] of own.entries()) {
        expect(tensor.shape).toEqual(shape);
        expect(largestDifference(tensor, [...variables[index]!.dataSync()])).toBeLessThan(2e-6);
      }
      expect(Object.values(inputs).map((tensor) => [...tensor.dataSync()])).toEqual(before);
    });
  },
);

describeOnEveryEngine('tensors', () => {
  it('stay the same in number over many calls of every kernel', () => {
    const [x, weight, bias] = [tf.ones([2, 3, 4]), tf.ones([6, 8]), tf.ones([8])] as [Tensor3D, Tensor2D, Tensor1D];
    const ids = tf.tensor1d([1, 0, 1], 'int32');
    const step = () =>
      tf.tidy(() => {
        const trace = lstmForward(x, weight, bias);
        const gradient = lstmGradient(x, weight, bias, trace, trace.hidden);
        const rows = tf.gather(weight, ids);
        return [
          tf.matMul(x, x, false, true),
          tf.unsortedSegmentSum(rows, ids, 2),
          tf.clone(gradient.weight),
          tf.sum(tf.erf(x), 0),
        ];
      });
    tf.dispose(step());
    const before = tf.memory();
    for (let i = 0; i < 200; i++) tf.dispose(step());
    const after = tf.memory();
    expect([after.numTensors, after.numDataBuffers, after.numBytes]).toEqual([
      before.numTensors,
      before.numDataBuffers,
      before.numBytes,
    ]);
  });

  it('outlive the tensor they were cloned from', () => {
    const original = tf.tensor1d([1, 2, 3]);
    const copy = tf.clone(original);
    original.dispose();
    tf.tensor1d([7, 8, 9]);
    expect([...copy.dataSync()]).toEqual([1, 2, 3]);
  });
});
