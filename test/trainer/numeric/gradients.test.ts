import * as tf from '@tensorflow/tfjs-core';
import { valueAndGradients, withPullback } from '../../../trainer/numeric/gradients';
import type { Weights } from '../../../trainer/numeric/weights';
import { linear } from '../../../trainer/ops/linear';
import { describeOnEveryEngine } from '../../testkit/engines';

const numbers = (tensor: tf.Tensor | undefined) => Array.from(tensor!.dataSync());
const kernelsOf = async (run: () => void): Promise<string[]> =>
  (await tf.profile(() => tf.tidy(run))).kernels.map((kernel) => kernel.name);

describeOnEveryEngine('valueAndGradients', () => {
  it('gives value and gradient of a hand-worked loss: sum of x^2 y is x^2 y, with gradient 2xy and x^2', () => {
    const weights = { x: tf.tensor1d([1, 2, 3]), y: tf.tensor1d([4, 5, 6]) };
    const { value, gradients } = valueAndGradients(({ x, y }) => tf.sum(tf.mul(tf.square(x!), y!)), weights);
    expect(numbers(value)).toEqual([4 + 20 + 54]);
    expect(numbers(gradients.x)).toEqual([8, 20, 36]);
    expect(numbers(gradients.y)).toEqual([1, 4, 9]);
  });

  it('adds up the gradients of a weight that is used three times', () => {
    const weights = { x: tf.scalar(3) };
    const { gradients } = valueAndGradients(
      ({ x }) => tf.add(tf.mul(x!, x!), x!) as tf.Scalar, // 2x + 1
      weights,
    );
    expect(numbers(gradients.x)).toEqual([7]);
  });

  it('gives zeros for a weight the loss does not depend on', () => {
    const weights = { used: tf.scalar(2), unused: tf.tensor1d([1, 2]) };
    const { gradients } = valueAndGradients(({ used }) => tf.square(used!) as tf.Scalar, weights);
    expect(numbers(gradients.used)).toEqual([4]);
    expect(numbers(gradients.unused)).toEqual([0, 0]);
  });

  it('leaves nothing behind but the value and the gradients', () => {
    const weights = { x: tf.tensor1d([1, 2]) };
    const before = tf.memory().numTensors;
    const { value, gradients } = valueAndGradients(({ x }) => tf.sum(tf.exp(tf.mul(x!, 2))), weights);
    expect(tf.memory().numTensors).toBe(before + 2);
    tf.dispose([value, gradients]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves nothing behind where the loss throws, and works again afterwards', () => {
    const weights = { x: tf.tensor2d([[1, 2]]) };
    const square = (x: tf.Tensor | undefined) => linear(x as tf.Tensor2D, { weight: x as tf.Tensor2D, bias: null });
    const before = tf.memory().numTensors;
    const failing = () =>
      valueAndGradients(({ x }) => {
        square(x);
        throw new Error('no loss');
      }, weights);
    expect(failing).toThrow('no loss');
    expect(tf.memory().numTensors).toBe(before);
    expect(numbers(valueAndGradients(({ x }) => tf.sum(square(x)), weights).gradients.x)).toEqual([2, 4]);
  });

  it('computes no gradient of a frozen matrix', async () => {
    const x = tf.ones<tf.Rank.R2>([2, 3]);
    const frozen = tf.ones<tf.Rank.R2>([4, 3]);
    const top = tf.ones<tf.Rank.R2>([5, 4]);
    const loss = (w: Weights) =>
      tf.sum<tf.Scalar>(
        linear(linear(x, { weight: w.bottom as tf.Tensor2D, bias: null }), {
          weight: w.top as tf.Tensor2D,
          bias: null,
        }),
      );
    const products = async (trainable: Weights) =>
      (
        await kernelsOf(() => {
          valueAndGradients((w) => loss({ bottom: frozen, top, ...w }), trainable);
        })
      ).filter((name) => name === 'BatchMatMul').length;
    expect(await products({ top })).toBe(2 + 1); // forward, d top
    expect(await products({ bottom: frozen })).toBe(2 + 2); // forward, d middle, d bottom
    expect(await products({ top, bottom: frozen })).toBe(2 + 3);
  });
});

describeOnEveryEngine('withPullback', () => {
  let weights: Weights;
  beforeAll(() => {
    weights = { x: tf.tensor1d([1, 2]) };
  });
  const forward = ({ x }: Weights) => tf.square(x!); // J = diag(2x)

  it('pulls the seed back through the Jacobian', () => {
    const { value, gradients } = withPullback(forward, weights, () => ({ seed: tf.tensor1d([10, 100]) }));
    expect(numbers(value)).toEqual([1, 4]);
    expect(numbers(gradients.x)).toEqual([20, 400]);
  });

  it('takes a seed that is worked out from the value by gradients of its own, and does not differentiate it', () => {
    const { gradients } = withPullback(forward, weights, (z) => {
      // d sum(z^3 w) / dw = z^3 at any w: a seed that depends on x through the value and through a nested gradient.
      const inner = valueAndGradients(({ w }) => tf.sum(tf.mul(tf.pow(z, 3), w!)), { w: tf.tensor1d([1, 1]) });
      return { seed: inner.gradients.w! };
    });
    expect(numbers(gradients.x)).toEqual([2 * 1, 4 * 64]); // 2x z^3 with z = x^2
  });

  it('runs the forward pass once, and no longer a backward pass than with a constant seed', async () => {
    const constantSeed = await kernelsOf(() => withPullback(forward, weights, () => ({ seed: tf.tensor1d([1, 1]) })));
    const workedOut = (z: tf.Tensor) => ({
      seed: valueAndGradients(({ w }) => tf.sum(tf.exp(tf.mul(z, w!))), { w: tf.tensor1d([1, 1]) }).gradients.w!,
    });
    const seedAlone = await kernelsOf(() => workedOut(tf.tensor1d([1, 4])));
    const both = await kernelsOf(() => withPullback(forward, weights, workedOut));
    expect(both.length).toBe(constantSeed.length + seedAlone.length);
  });

  it('gives back what the seed was worked out with, and leaves nothing else behind', () => {
    const before = tf.memory().numTensors;
    const { value, gradients, seeded } = withPullback(forward, weights, (z) => ({ seed: tf.exp(z), loss: tf.sum(z) }));
    expect(numbers(seeded.loss)).toEqual([5]);
    expect(tf.memory().numTensors).toBe(before + 4);
    tf.dispose([value, gradients, seeded.seed, seeded.loss]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses a seed of another shape', () => {
    expect(() => withPullback(forward, weights, () => ({ seed: tf.scalar(1) }))).toThrow('shape []');
  });
});
