import * as tf from '@tensorflow/tfjs-core';
import { doraLinear, mergedDora } from '../../../../trainer/models/peft/dora';
import { loraScale } from '../../../../trainer/models/peft/lora';
import { valueAndGradients } from '../../../../trainer/numeric/gradients';
import type { Weights } from '../../../../trainer/numeric/weights';
import { linear, withLowRank } from '../../../../trainer/ops/linear';
import { describeOnEveryEngine } from '../../../testkit/engines';
import { largestDifference } from '../../../testkit/tensors';

/**
 * Values of peft 0.21.2 on torch 2.15.0 in float64: LoraConfig(r=2, lora_alpha=3, target_modules=["lin"], use_dora=...,
 * use_rslora=...) around one torch.nn.Linear(3, 2), with the numbers below; gradients of sum(y * factors), and the weight
 * after merge_adapter().
 */
const given = {
  x: [1, 2, -1, 0.5, -0.25, 3],
  weight: [1, -2, 0.5, 0.25, 1.5, -1],
  bias: [0.1, -0.2],
  down: [0.5, -1, 2, 1, 0.25, -0.5],
  up: [0.3, -0.6, -0.2, 0.4],
  magnitude: [2, 1.5],
  factors: [1, -2, 0.5, 3],
};
const ofPeft = {
  dora: {
    y: [-4.1066932, 3.2683456, 4.0045762, -3.3148411],
    x: [-0.5481664, -3.7177934, 3.1596311, 1.2199733, 2.303118, -2.4754808],
    down: [0.4242227, 1.2766441, -1.6231788, -0.8484455, -2.5532881, 3.2463576],
    up: [-0.229456, 1.3480539, 21.2102671, -5.7527847],
    magnitude: [-1.1272026, -10.854143],
    merged: [0.1988618, -1.6367861, 1.1319829, 0.3735141, 1.0405037, -1.0138241],
  },
  rslora: {
    y: [-8.172971, 7.2319806, 8.0889166, -7.1092777],
    x: [-1.7273864, -7.2273864, 6.9547728, 2.6818912, 4.9318912, -5.6137825],
    down: [1.0076272, 3.2084971, -4.3487068, -2.0152544, -6.4169942, 8.6974135],
    up: [-0.5303301, 3.1156893, 56.2149891, -15.24699],
    magnitude: null,
    merged: [0.0454058, -2.9545942, 2.4091884, 0.8863961, 2.1363961, -2.2727922],
  },
  'dora, rank-stabilised': {
    y: [-4.2398116, 3.2378068, 4.2908031, -3.3960204],
    x: [-0.7962206, -3.5263755, 3.3664534, 1.2419686, 2.1897381, -2.5220698],
    down: [0.5154244, 1.5581429, -1.9918479, -1.0308488, -3.1162857, 3.9836958],
    up: [-0.278199, 1.6344194, 26.0033335, -7.0527909],
    magnitude: [-1.122205, -10.9757831],
    merged: [0.0238188, -1.5499126, 1.2638052, 0.4100197, 0.9882315, -1.0513241],
  },
} as const;

describeOnEveryEngine('DoRA and rsLoRA', () => {
  it.each(Object.keys(ofPeft) as (keyof typeof ofPeft)[])('%s: output, gradients and merged weight of peft', (kind) => {
    const expected = ofPeft[kind];
    const scale = loraScale({ rank: 2, alpha: 3, rankStabilised: kind !== 'dora' });
    const matrix = (name: 'x' | 'weight' | 'down' | 'up' | 'factors', columns: number) =>
      tf.tensor2d(given[name], [given[name].length / columns, columns]);
    const fixed = { weight: matrix('weight', 3), bias: tf.tensor1d(given.bias) };
    const learning = {
      x: matrix('x', 3),
      down: matrix('down', 3),
      up: matrix('up', 2),
      ...(expected.magnitude ? { magnitude: tf.tensor1d(given.magnitude) } : {}),
    };
    const outputOf = (weights: Weights): tf.Tensor2D => {
      const { x, down, up, magnitude } = weights as typeof learning;
      const lowRank = { down, up, scale };
      return magnitude ? doraLinear(x, { ...fixed, lowRank }, magnitude) : linear(x, { ...fixed, lowRank });
    };
    const { gradients } = valueAndGradients(
      (weights) => tf.sum(tf.mul(outputOf(weights), matrix('factors', 2))),
      learning,
    );

    expect(largestDifference(outputOf(learning), expected.y)).toBeLessThan(5e-6);
    for (const [name, gradient] of Object.entries(gradients))
      expect(largestDifference(gradient, expected[name as 'x' | 'down' | 'up']!)).toBeLessThan(3e-5);
    const { magnitude, ...lowRank } = { ...learning, scale };
    const merged = magnitude ? mergedDora(fixed.weight, lowRank, magnitude) : withLowRank(fixed.weight, lowRank);
    expect(largestDifference(merged, expected.merged)).toBeLessThan(2e-6);
  });
});
