import * as tf from '@tensorflow/tfjs-core';
import { hasAttentionKernel } from '../../../trainer/engine/kernels';
import { valueAndGradients } from '../../../trainer/numeric/gradients';
import type { Weights } from '../../../trainer/numeric/weights';
import { attention, attentionLayout } from '../../../trainer/ops/attention';
import { describeOnEveryEngine } from '../../testkit/engines';
import { expectSame, type Operation } from '../../testkit/same-operation';
import { largestDifference, normalTensor } from '../../testkit/tensors';

const two = (tensor: tf.Tensor | undefined) => tensor as tf.Tensor2D;

interface Plain {
  lengths: number[];
  heads: number;
  /** Rows of each sequence, padding with them. */
  rows?: number[];
  perSequence?: boolean;
  dropout?: tf.Tensor4D;
}

/** Attention of each sequence by itself, head by head, in operations that TensorFlow.js derives. */
function plainAttention(
  { query, key, value, prefixKey, prefixValue }: Weights,
  { lengths, heads, rows = lengths, perSequence = false, dropout }: Plain,
): tf.Tensor {
  const width = key!.shape[1]! / heads;
  const before = prefixKey?.shape[0] ?? 0;
  let first = 0;
  const outputs = lengths.map((length, s) => {
    const asking = perSequence ? 1 : rows[s]!;
    const out = Array.from({ length: heads }, (_, head) => {
      const part = (x: tf.Tensor, from: number, count: number) =>
        tf.slice(two(x), [from, head * width], [count, width]) as tf.Tensor2D;
      const behind = (prefix: tf.Tensor | undefined, x: tf.Tensor) =>
        prefix ? tf.concat([part(prefix, 0, before), part(x, first, length)]) : part(x, first, length);
      const q = part(query!, perSequence ? s : first, asking);
      const scores = tf.div(tf.matMul(q, tf.transpose(behind(prefixKey, key!)) as tf.Tensor2D), Math.sqrt(width));
      const p = tf.softmax(scores);
      const keys = before + length;
      const kept = dropout
        ? tf.mul(p, tf.reshape(tf.slice(dropout, [s, head, 0, 0], [1, 1, asking, keys]), [asking, keys]))
        : p;
      return tf.matMul(kept as tf.Tensor2D, behind(prefixValue, value!) as tf.Tensor2D);
    });
    first += rows[s]!;
    return tf.concat(out, 1);
  });
  return tf.concat(outputs, 0);
}

/** As `attention` computes it on this engine, and padded, as it does on a GPU. */
const ways = [
  { way: 'at true lengths', pads: false },
  { way: 'padded', pads: true },
];

const run =
  ({ lengths, heads, rows, perSequence, dropout }: Plain, pads: boolean): Operation =>
  ({ query, key, value, prefixKey, prefixValue }) =>
    attention(attentionLayout(Int32Array.from(lengths), heads, rows !== undefined, pads), {
      ...{ query: two(query), key: two(key), value: two(value) },
      prefix: prefixKey ? { key: two(prefixKey), value: two(prefixValue) } : null,
      queryPerSequence: perSequence ?? false,
      dropout: dropout ?? null,
    });

const randomInputs = (rows: number, width: number, { queries = rows, prefix = 0 } = {}): Weights => ({
  query: normalTensor('q', [queries, width]),
  key: normalTensor('k', [rows, width]),
  value: normalTensor('v', [rows, width]),
  ...(prefix > 0 && {
    prefixKey: normalTensor('prefix k', [prefix, width]),
    prefixValue: normalTensor('prefix v', [prefix, width]),
  }),
});

describeOnEveryEngine('attention', () => {
  const lengths = [3, 1, 4];
  const heads = 2;

  it('has a kernel that takes sequences of any lengths', () => expect(hasAttentionKernel()).toBe(true));

  describe.each(ways)('$way', ({ pads }) => {
    const expectPlain = (plain: Plain, inputs: Weights) =>
      expectSame(run(plain, pads), (given) => plainAttention(given, plain), inputs);

    it('lets every token see its own sequence alone', () => expectPlain({ lengths, heads }, randomInputs(8, 6)));

    it('works where nothing is padded', () => expectPlain({ lengths: [4, 4], heads }, randomInputs(8, 6)));

    it('answers one query a sequence', () =>
      expectPlain({ lengths, heads, perSequence: true }, randomInputs(8, 6, { queries: 3 })));

    it('leaves padding out of what tokens see where the rows hold it', () =>
      expectPlain({ lengths, heads, rows: [4, 4, 4] }, randomInputs(12, 6)));

    it('multiplies probabilities by dropout factors', () =>
      expectPlain(
        { lengths, heads, dropout: normalTensor('mask', [3, heads, 4, 4]) as tf.Tensor4D },
        randomInputs(8, 6),
      ));

    it('puts a prefix before the keys of every sequence, under dropout too', () => {
      const dropout = normalTensor('mask', [3, heads, 4, 4 + 5]) as tf.Tensor4D;
      expectPlain({ lengths, heads }, randomInputs(8, 6, { prefix: 5 }));
      expectPlain({ lengths, heads, dropout }, randomInputs(8, 6, { prefix: 5 }));
      const queries = { perSequence: true, dropout: normalTensor('mask', [3, heads, 1, 4 + 5]) as tf.Tensor4D };
      expectPlain({ lengths, heads, ...queries }, randomInputs(8, 6, { queries: 3, prefix: 5 }));
    });

    // Around registers of 4 and 16 numbers, tiles of 4 and 6 rows, and the encoder's own size.
    it.each([
      [[1], 1, 1],
      [[7, 16, 17], 3, 12],
      [[33, 6, 5, 15], 2, 34],
      [[40, 23], 12, 384],
    ])('takes lengths %j, %i heads and width %i', (lengths, heads, width) => {
      expectPlain(
        { lengths, heads },
        randomInputs(
          lengths.reduce((sum, length) => sum + length),
          width,
        ),
      );
    });

    it('gives the gradient of the values alone where nothing else learns', () => {
      const { value, ...others } = randomInputs(8, 6);
      const loss = (f: Operation) => (learning: Weights) => tf.sum<tf.Scalar>(tf.square(f({ ...others, ...learning })));
      const plain = { lengths, heads };
      const actual = valueAndGradients(loss(run(plain, pads)), { value: value! }).gradients.value!;
      const expected = tf.grad((v) => loss((given) => plainAttention(given, plain))({ value: v }))(value!);
      expect(largestDifference(actual, expected)).toBeLessThan(1e-5);
    });

    it('is NaN where a state is, and stays a probability where scores are far apart', () => {
      const inputs = {
        query: tf.tensor2d([[300], [Number.NaN]]),
        key: tf.tensor2d([[300], [-300]]),
        value: tf.ones([2, 1]),
      };
      expect([...run({ lengths: [2], heads: 1 }, pads)(inputs).dataSync()]).toEqual([1, Number.NaN]);
    });
  });

  it('leaves no tensor behind', () => {
    const inputs = randomInputs(8, 6);
    const layout = attentionLayout(Int32Array.of(3, 1, 4), 2, false);
    const { numTensors } = tf.memory();
    tf.tidy(() => {
      attention(layout, { query: two(inputs.query), key: two(inputs.key), value: two(inputs.value) });
    });
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});
