import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from './differentiable';

/** A low-rank addition to a weight matrix: W + scale * B A (Hu et al., 2021). */
export interface LowRank {
  /** A [r, i] */
  down: Tensor2D;
  /** B [o, r] */
  up: Tensor2D;
  scale: number;
}

/** W + scale * B A, [o, i] */
export const withLowRank = (weight: Tensor2D, { up, down, scale }: LowRank): Tensor2D =>
  tf.tidy(() => tf.add(weight, tf.mul(tf.matMul(up, down), scale)));

export interface LinearWeights {
  /** [o, i], as Hugging Face and PyTorch store it */
  weight: Tensor2D;
  /** [o]; null: none */
  bias: Tensor1D | null;
  lowRank?: LowRank | null;
}

/**
 * y = x W^T + bias, and with a low-rank part + scale (x A^T) B^T.
 *
 * @param x [n, i]
 * @returns [n, o]
 */
export function linear(x: Tensor2D, { weight, bias, lowRank = null }: LinearWeights): Tensor2D {
  return differentiable<'x' | 'weight' | 'bias' | 'down' | 'up', Tensor2D>({
    name: 'linear',
    inputs: { x, weight, bias, down: lowRank?.down ?? null, up: lowRank?.up ?? null },
    forward: () => {
      const product = tf.matMul(x, weight, false, true) as Tensor2D;
      const plain = bias === null ? product : tf.add<Tensor2D>(product, bias);
      if (lowRank === null) return { output: plain, saved: [x, weight] };
      // Scaling the narrow [n, r] tensor rather than the [n, o] result.
      const narrow = tf.mul(tf.matMul(x, lowRank.down, false, true), lowRank.scale);
      const output = tf.add<Tensor2D>(plain, tf.matMul(narrow, lowRank.up, false, true));
      return { output, saved: [x, weight, narrow, lowRank.down, lowRank.up] };
    },
    gradient: (dy, saved, needs) => {
      const [savedX, savedWeight, narrow, down, up] = saved as Tensor2D[];
      const dNarrow = lowRank && (needs('x') || needs('down')) ? tf.mul(tf.matMul(dy, up!), lowRank.scale) : null; // [n, r]
      const dxPlain = needs('x') ? tf.matMul(dy, savedWeight!) : undefined;
      return {
        x: dxPlain && dNarrow ? tf.add(dxPlain, tf.matMul(dNarrow, down!)) : dxPlain,
        weight: needs('weight') ? tf.matMul(dy, savedX!, true) : undefined,
        bias: bias && needs('bias') ? tf.sum(dy, 0) : undefined,
        down: lowRank && needs('down') ? tf.matMul(dNarrow!, savedX!, true) : undefined,
        up: lowRank && needs('up') ? tf.matMul(dy, narrow!, true) : undefined,
      };
    },
  });
}
