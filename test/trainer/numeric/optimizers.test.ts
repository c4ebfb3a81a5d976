import * as tf from '@tensorflow/tfjs-core';
import {
  clipByGlobalNorm,
  createOptimizer,
  decaysMatricesOnly,
  type OptimizerSettings,
  type OptimizerState,
} from '../../../trainer/numeric/optimizers';
import { describeOnEveryEngine } from '../../testkit/engines';

const start = [0.5, -1.25, 2, 0.125];
const gradients = [
  [0.1, -0.2, 0.3, 0],
  [-0.05, 0.4, 0.3, 1e-3],
  [0.2, 0.2, -0.6, -2],
];

const slotTensors = ({ slots }: OptimizerState): tf.Tensor[] => Object.values(slots).map((slot) => slot.w!);

/** The weight after each of three updates. */
function trajectory(settings: OptimizerSettings, learningRate: number): number[][] {
  const optimizer = createOptimizer(settings);
  let weights = { w: tf.tensor2d(start, [2, 2]) } as Record<string, tf.Tensor>;
  let state: OptimizerState = optimizer.initialState(weights);
  return gradients.map((gradient) => {
    const next = optimizer.update(weights, state, { w: tf.tensor2d(gradient, [2, 2]) }, learningRate);
    weights = next.weights;
    state = next.state;
    return Array.from(weights.w!.dataSync());
  });
}

// torch.optim (PyTorch 2.15.0, float64, CPU): p = [[.5, -1.25], [2, .125]], the three gradients above, p after each step.
const pytorch: [string, OptimizerSettings, number, number[][]][] = [
  [
    'SGD',
    { name: 'sgd' },
    0.1,
    [
      [0.49, -1.23, 1.97, 0.125],
      [0.495, -1.27, 1.94, 0.1249],
      [0.475, -1.29, 2.0, 0.3249],
    ],
  ],
  [
    'SGD, momentum .9',
    { name: 'sgd', momentum: 0.9 },
    0.1,
    [
      [0.49, -1.23, 1.97, 0.125],
      [0.486, -1.252, 1.913, 0.1249],
      [0.4624, -1.2918, 1.9217, 0.32481],
    ],
  ],
  [
    'SGD, momentum .9, dampening .5, weight decay .01',
    { name: 'sgd', momentum: 0.9, dampening: 0.5, weightDecay: 0.01 },
    0.1,
    [
      [0.4895, -1.22875, 1.968, 0.124875],
      [0.48230525, -1.229010625, 1.923216, 0.1246500625],
      [0.4655888224, -1.2386306822, 1.911948792, 0.2243852937],
    ],
  ],
  [
    'SGD, nesterov .9, weight decay .01',
    { name: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.01 },
    0.1,
    [
      [0.48005, -1.209625, 1.9392, 0.1247625],
      [0.480132905, -1.2661142125, 1.85259552, 0.1242342012],
      [0.437227312, -1.3176375492, 1.9138768365, 0.5037249736],
    ],
  ],
  [
    'RMSprop',
    { name: 'rmsprop' },
    0.01,
    [
      [0.4000001, -1.15000005, 1.9000000333, 0.125],
      [0.4449013852, -1.2395323262, 1.8291119296, 0.025009999],
      [0.3574274567, -1.2805624694, 1.9109657838, 0.1250099816],
    ],
  ],
  [
    'RMSprop, weight decay .01',
    { name: 'rmsprop', weightDecay: 0.01 },
    0.01,
    [
      [0.4000000952, -1.1500000471, 1.9000000312, 0.0250079994],
      [0.4402970973, -1.2378346206, 1.8292223925, -0.045878358],
      [0.3528855663, -1.2770518239, 1.908420223, 0.0541215985],
    ],
  ],
  [
    'RMSprop, momentum .9',
    { name: 'rmsprop', momentum: 0.9 },
    0.01,
    [
      [0.4000001, -1.15000005, 1.9000000333, 0.125],
      [0.3549014752, -1.1495323712, 1.7391119596, 0.025009999],
      [0.2268387844, -1.1901416034, 1.6761665474, 0.0350189807],
    ],
  ],
  [
    'RMSprop, centered',
    { name: 'rmsprop', centered: true },
    0.01,
    [
      [0.3994963195, -1.149496269, 1.8994962521, 0.125],
      [0.4444411388, -1.2391202006, 1.8278921071, 0.0245063185],
      [0.3564458923, -1.2802891777, 1.9097460226, 0.12500958],
    ],
  ],
  [
    'Adam',
    { name: 'adam' },
    0.01,
    [
      [0.490000001, -1.2400000005, 1.9900000003, 0.125],
      [0.4873366309, -1.2436610357, 1.9800000007, 0.117558737],
      [0.4807555154, -1.2488534436, 1.980756494, 0.1239439975],
    ],
  ],
  [
    'Adam, weight decay .1',
    { name: 'adam', weightDecay: 0.1 },
    0.01,
    [
      [0.4900000007, -1.2400000003, 1.9900000002, 0.115000008],
      [0.4833492006, -1.2397119524, 1.9800005272, 0.105000016],
      [0.4752235506, -1.2406150051, 1.9764451634, 0.1113192693],
    ],
  ],
  [
    'AdamW, weight decay .1',
    { name: 'adamw', weightDecay: 0.1 },
    0.01,
    [
      [0.489500001, -1.2387500005, 1.9880000003, 0.124875],
      [0.4863471309, -1.2411722857, 1.9760120007, 0.117308862],
      [0.4792796683, -1.2451235213, 1.974792482, 0.1235768136],
    ],
  ],
];

describeOnEveryEngine('an optimizer takes the steps of PyTorch', () => {
  it.each(pytorch)('%s', (_name, settings, learningRate, expected) => {
    const found = trajectory(settings, learningRate).flat();
    expected.flat().forEach((value, index) => {
      expect(Math.abs(found[index]! - value)).toBeLessThan(4e-7 * Math.max(1, Math.abs(value)));
    });
  });
});

describeOnEveryEngine('an optimizer', () => {
  it('names its moments and counts its steps, so that a checkpoint can hold them', () => {
    const optimizer = createOptimizer({ name: 'adam' });
    const weights = { w: tf.tensor1d([1, 2]) };
    const state = optimizer.initialState(weights);
    expect(state.step).toBe(0);
    const after = optimizer.update(weights, state, { w: tf.tensor1d([1, -2]) }, 0.1).state;
    expect(after.step).toBe(1);
    expect(Object.keys(after.slots)).toEqual(['meanGradient', 'meanSquare']);
    expect(after.slots.meanGradient!.w!.dataSync()[0]).toBeCloseTo(0.1, 7);
    // 0.004 but for 1 - 0.999 in float32, which the bias correction takes back.
    expect(after.slots.meanSquare!.w!.dataSync()[1]).toBeCloseTo(4 * (1 - Math.fround(0.999)), 8);
    expect(createOptimizer({ name: 'sgd' }).initialState(weights).slots).toEqual({});
  });

  it.each(['sgd', 'rmsprop', 'adam', 'adamw'] as const)('%s: moves a weight as at its own rate', (name) => {
    const settings = { name, weightDecay: 0.5 };
    const moved = (rateFactor: (of: string) => number, learningRate: number) => {
      const optimizer = createOptimizer({ ...settings, rateFactor });
      const weights = { lora_A: tf.tensor1d([1, -2]), lora_B: tf.tensor1d([3, 0.5]) };
      const gradient = { lora_A: tf.tensor1d([0.1, 0.2]), lora_B: tf.tensor1d([-0.3, 0.4]) };
      const { weights: after } = optimizer.update(weights, optimizer.initialState(weights), gradient, learningRate);
      return { a: [...after.lora_A!.dataSync()], b: [...after.lora_B!.dataSync()] };
    };
    const both = moved((of) => (of === 'lora_B' ? 16 : 1), 0.01);
    expect(both.a).toEqual(moved(() => 1, 0.01).a);
    expect(both.b).toEqual(moved(() => 1, 0.16).b);
  });

  it('decays matrices alone where told so', () => {
    const optimizer = createOptimizer({ name: 'adamw', weightDecay: 0.5, decays: decaysMatricesOnly });
    const weights = { matrix: tf.tensor2d([[4]]), bias: tf.tensor1d([4]) };
    const zero = { matrix: tf.zeros([1, 1]), bias: tf.zeros([1]) };
    const next = optimizer.update(weights, optimizer.initialState(weights), zero, 0.1).weights;
    expect(next.matrix!.dataSync()[0]).toBeCloseTo(4 * (1 - 0.1 * 0.5), 6);
    expect(next.bias!.dataSync()[0]).toBe(4);
  });

  it('leaves the old weights and state as they were, and nothing else behind', () => {
    const optimizer = createOptimizer({ name: 'rmsprop', momentum: 0.9, centered: true, weightDecay: 0.1 });
    const weights = { w: tf.tensor1d([1, 2]) };
    const state = optimizer.initialState(weights);
    const gradient = { w: tf.tensor1d([1, -2]) };
    const before = tf.memory().numTensors;
    const next = optimizer.update(weights, state, gradient, 0.1);
    expect(tf.memory().numTensors).toBe(before + 4); // the weight and three slots
    expect(Array.from(weights.w.dataSync())).toEqual([1, 2]);
    expect(Array.from(state.slots.meanSquare!.w!.dataSync())).toEqual([0, 0]);
    expect(next.weights.w!.id).not.toBe(weights.w.id);
  });

  it.each(['adam', 'adamw'] as const)(
    'leaves the old weights and moments of %s as they were, and takes the same step twice',
    (name) => {
      const optimizer = createOptimizer({ name, weightDecay: 0.1 });
      const weights = { w: tf.tensor1d([1, 2, 3, 4, 5, 6, 7]) }; // three beyond a vector of four
      const gradient = { w: tf.tensor1d([1, -2, 3, 0, 1, 1, -1]) };
      const first = optimizer.update(weights, optimizer.initialState(weights), gradient, 0.1);
      const numbersOf = () =>
        [weights.w, gradient.w, first.weights.w!, ...slotTensors(first.state)].map((tensor) => [...tensor.dataSync()]);
      const before = numbersOf();
      const tensors = tf.memory().numTensors;

      const second = optimizer.update(first.weights, first.state, gradient, 0.1);
      const again = optimizer.update(first.weights, first.state, gradient, 0.1);

      expect(tf.memory().numTensors).toBe(tensors + 6); // a weight and two moments each
      expect(numbersOf()).toEqual(before);
      expect([...again.weights.w!.dataSync()]).toEqual([...second.weights.w!.dataSync()]);
      expect(slotTensors(again.state).map((slot) => [...slot.dataSync()])).toEqual(
        slotTensors(second.state).map((slot) => [...slot.dataSync()]),
      );
    },
  );

  it('refuses to go on without the gradient of a weight', () => {
    const optimizer = createOptimizer({ name: 'sgd' });
    const weights = { w: tf.tensor1d([1]) };
    expect(() => optimizer.update(weights, optimizer.initialState(weights), {}, 0.1)).toThrow('no gradient of "w"');
  });
});

describeOnEveryEngine('clipping by global norm', () => {
  const gradient = () => ({ a: tf.tensor1d([3, -4]), b: tf.tensor2d([[12]]) });

  it('scales all gradients to the largest norm and tells the norm before', () => {
    const { gradients: clipped, norm } = clipByGlobalNorm(gradient(), 1);
    expect(norm.dataSync()[0]).toBeCloseTo(13, 5);
    expect(clipped.a!.dataSync()[1]).toBeCloseTo(-4 / 13, 6);
    expect(clipped.b!.dataSync()[0]).toBeCloseTo(12 / 13, 6);
  });

  it('leaves a gradient below the largest norm as it is', () => {
    const { gradients: clipped } = clipByGlobalNorm(gradient(), 14);
    expect(Array.from(clipped.a!.dataSync())).toEqual([3, -4]);
    expect(clipByGlobalNorm(gradient(), null).norm.dataSync()[0]).toBeCloseTo(13, 5);
  });

  it('shows a NaN in the norm', () => {
    expect(clipByGlobalNorm({ a: tf.tensor1d([1, Number.NaN]) }, 1).norm.dataSync()[0]).toBeNaN();
  });
});
