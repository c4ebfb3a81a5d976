import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { addInPlace } from '../engine/kernels';
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
  tf.tidy(() => addInPlace(tf.matMul(up, tf.mul(down, scale)), weight));

export interface LinearWeights {
  /** [o, i], as Hugging Face and PyTorch store it */
  weight: Tensor2D;
  /** [o]; null: none */
  bias: Tensor1D | null;
  lowRank?: LowRank | null;
}

/**
 * y = x W^T + bias, and with a low-rank part + scale (x A^T) B^T. Where that takes fewer products, W + scale B A is made first
 * and x multiplied by it alone.
 *
 * @param x [n, i]
 * @returns [n, o]
 */
export function linear(x: Tensor2D, { weight, bias, lowRank = null }: LinearWeights): Tensor2D {
  const [outputs, inputs] = weight.shape;
  const merges = lowRank !== null && x.shape[0] * (inputs + outputs) > inputs * outputs;
  return differentiable<'x' | 'weight' | 'bias' | 'down' | 'up', Tensor2D>({
    name: 'linear',
    inputs: { x, weight, bias, down: lowRank?.down ?? null, up: lowRank?.up ?? null },
    forward: () => {
      const multiplied = merges ? withLowRank(weight, lowRank) : weight;
      const product = tf.matMul(x, multiplied, false, true) as Tensor2D;
      const plain = bias === null ? product : addInPlace(product, bias);
      if (lowRank === null) return { output: plain, saved: [x, weight] };
      const saved = [x, multiplied, lowRank.down, lowRank.up];
      if (merges) return { output: plain, saved };
      return { output: addInPlace(plain, tf.matMul(narrowed(x, lowRank), lowRank.up, false, true)), saved };
    },
    gradient: (dy, saved, needs) => {
      const [savedX, multiplied, down, up] = saved as Tensor2D[];
      const dNarrow =
        lowRank && (needs('down') || (needs('x') && !merges)) ? tf.mul(tf.matMul(dy, up!), lowRank.scale) : null; // [n, r]
      const dx = needs('x') ? tf.matMul<Tensor2D>(dy, multiplied!) : undefined;
      const narrow = lowRank && needs('up') ? narrowed(savedX!, { down: down!, scale: lowRank.scale }) : null;
      return {
        x: dx && lowRank && !merges ? addInPlace(dx, tf.matMul(dNarrow!, down!)) : dx,
        weight: needs('weight') ? tf.matMul(dy, savedX!, true) : undefined,
        bias: bias && needs('bias') ? tf.sum(dy, 0) : undefined,
        down: dNarrow && needs('down') ? tf.matMul(dNarrow, savedX!, true) : undefined,
        up: narrow ? tf.matMul(dy, narrow, true) : undefined,
      };
    },
  });
}

/** scale x A^T, [n, r] */
const narrowed = (x: Tensor2D, { down, scale }: Pick<LowRank, 'down' | 'scale'>): Tensor2D =>
  tf.mul(tf.matMul(x, down, false, true), scale);
