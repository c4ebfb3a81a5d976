import * as tf from '@tensorflow/tfjs-core';
import { useEngine } from '../../testkit/engines';

/** docs/decisions/tensorflow-tape.md names the reason for this test. */
describe('the private tape of TensorFlow.js', () => {
  beforeAll(() => useEngine('portable'));

  it('is that of the version it was read in', () => {
    expect(tf.version_core).toBe('4.22.0');
  });

  it('has the fields that gradients.ts and differentiable.ts read and write', () => {
    const { state } = tf.engine();
    expect(state).toMatchObject({
      gradientDepth: expect.any(Number),
      kernelDepth: expect.any(Number),
      nextTapeNodeId: expect.any(Number),
    });
  });

  it('records an operation with its inputs, outputs and gradient while gradientDepth is above 0 and kernelDepth is 0', () => {
    const { state } = tf.engine();
    const before = { ...state };
    const tape: typeof state.activeTape = [];
    tf.tidy(() => {
      const x = tf.tensor1d([1, 2]);
      const record = (depths: { gradientDepth: number; kernelDepth: number }) => {
        Object.assign(state, { activeTape: tape, ...depths });
        try {
          expect(tf.engine().isTapeOn()).toBe(depths.gradientDepth > 0 && depths.kernelDepth === 0);
          return tf.square(x);
        } finally {
          const { activeTape, gradientDepth, kernelDepth } = before;
          Object.assign(state, { activeTape, gradientDepth, kernelDepth });
        }
      };
      record({ gradientDepth: 0, kernelDepth: 0 });
      record({ gradientDepth: 1, kernelDepth: 1 });
      expect(tape).toEqual([]);
      const y = record({ gradientDepth: 1, kernelDepth: 0 });
      const node = tape.find(({ kernelName }) => kernelName === 'Square');
      expect([node?.inputs.x?.id, node?.outputs[0]?.id]).toEqual([x.id, y.id]);
      // What is saved for the gradient is a clone, itself recorded before.
      expect(node!.saved).toHaveLength(1);
      const { x: gradient } = (node!.gradient as unknown as (dy: tf.Tensor[]) => Record<string, () => tf.Tensor>)([
        tf.tensor1d([1, 10]),
      ]);
      expect([...gradient!().dataSync()]).toEqual([2, 40]);
    });
  });
});
