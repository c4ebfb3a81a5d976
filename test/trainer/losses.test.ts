import * as tf from '@tensorflow/tfjs-core';
import { parametersSchema } from '../../contract/parameters';
import { crossEntropy, type Distillation, distillationLoss, distillationOf, studentLoss } from '../../trainer/losses';
import { describeOnEveryEngine } from '../testkit/engines';
import * as float64 from '../testkit/float64';

const student = [
  [0.5, -1, 2],
  [1.5, 0.25, -0.75],
];
const teacher = [
  [1, 0, -1],
  [2, -0.5, 0.125],
];
const labels = [2, 0];
const z = (rows: number[][]) => tf.tensor2d(rows);
const y = () => tf.tensor1d(labels, 'int32');
const losses: Distillation['loss'][] = ['ce', 'kl', 'mse', 'reverse-kl', 'mse-probs'];

describeOnEveryEngine('cross-entropy against labels', () => {
  it('is log 3 for logits that say nothing, with gradient (1/3 - onehot) / b', () => {
    const { value, gradient } = crossEntropy(tf.zeros([2, 3]), y());
    expect(value.dataSync()[0]).toBeCloseTo(Math.log(3), 6);
    [1 / 6, 1 / 6, -1 / 3, -1 / 3, 1 / 6, 1 / 6].forEach((expected, index) => {
      expect(gradient.dataSync()[index]).toBeCloseTo(expected, 6);
    });
  });

  it('is stable: logits of 1,000 that are wrong cost 1,000, and right ones nothing', () => {
    const { value, gradient } = crossEntropy(
      z([
        [1000, 0, 0],
        [1000, 0, 0],
      ]),
      y(),
    );
    expect(value.dataSync()[0]).toBe(500);
    expect(Array.from(gradient.dataSync())).toEqual([0.5, 0, -0.5, 0, 0, 0]);
  });
});

describeOnEveryEngine('a distillation loss', () => {
  const settings = (loss: Distillation['loss'], more: object = {}) =>
    distillationOf(parametersSchema.parse({ loss, temperature: 2, ...more }));

  // Two classes, z_S = (0, 0), z_T = (2 log 3, 0), tau = 2: p = (1/2, 1/2), q = (3/4, 1/4), worked by hand.
  const byHand: [Distillation['loss'], number, [number, number]][] = [
    ['ce', 4 * Math.log(2), [-0.5, 0.5]],
    ['kl', 4 * (0.75 * Math.log(1.5) + 0.25 * Math.log(0.5)), [-0.5, 0.5]],
    ['reverse-kl', 4 * 0.5 * (Math.log(2 / 3) + Math.log(2)), [-0.5 * Math.log(3), 0.5 * Math.log(3)]],
    ['mse', (2 * Math.log(3)) ** 2 / 2, [-2 * Math.log(3), 0]],
    ['mse-probs', 4 / 16, [-0.25, 0.25]],
  ];
  it.each(byHand)('%s has the value and the gradient worked out by hand', (loss, value, gradient) => {
    const found = distillationLoss(settings(loss), z([[0, 0]]), z([[2 * Math.log(3), 0]]));
    expect(found.value.dataSync()[0]).toBeCloseTo(value, 5);
    expect(found.gradient.dataSync()[0]).toBeCloseTo(gradient[0], 5);
    expect(found.gradient.dataSync()[1]).toBeCloseTo(gradient[1], 5);
  });

  const variants = losses.flatMap((loss) => [
    { loss, temperatureScaling: true, temperature: 3 },
    { loss, temperatureScaling: false, temperature: 3 },
    { loss, temperatureScaling: null, temperature: 0.5, logitsOverTemperature: true },
  ]);
  it.each(variants)('agrees with float64 automatic differentiation: %o', ({ loss, ...more }) => {
    const parameters = settings(loss, { ...more, alpha: 0.7 });
    const studentNodes = float64.matrix(student);
    const expected = float64.studentLoss(parameters, studentNodes, float64.matrix(teacher), labels);
    const found = studentLoss(parameters, z(student), z(teacher), y());
    expect(found.value.dataSync()[0]).toBeCloseTo(expected.value, 5);
    const gradient = float64.derivatives(expected, studentNodes).flat();
    expect(float64.relativeError(Array.from(found.gradient.dataSync()), gradient)).toBeLessThan(2e-6);
  });

  it('is 0 with gradient 0 where the student is the teacher, except ce, which keeps the entropy of the teacher', () => {
    for (const loss of losses) {
      const { value, gradient } = distillationLoss(settings(loss), z(teacher), z(teacher));
      const entropy = distillationLoss(settings('ce'), z(teacher), z(teacher)).value.dataSync()[0]!;
      expect(value.dataSync()[0]).toBeCloseTo(loss === 'ce' ? entropy : 0, 6);
      expect(entropy).toBeGreaterThan(0.5);
      expect(Math.max(...gradient.dataSync().map(Math.abs))).toBeLessThan(1e-6);
    }
  });

  it('scales by temperature² unless told otherwise, except mse', () => {
    expect(losses.map((loss) => settings(loss).scale)).toEqual([4, 4, 1, 4, 4]);
    expect(losses.map((loss) => settings(loss, { temperatureScaling: false }).scale)).toEqual([1, 1, 1, 1, 1]);
    expect(settings('mse', { temperatureScaling: true }).scale).toBe(4);
  });

  it('stays finite where the distributions share no mass', () => {
    for (const loss of losses) {
      const { value, gradient } = distillationLoss(settings(loss), z([[300, 0, 0]]), z([[0, 300, 0]]));
      expect(Number.isFinite(value.dataSync()[0])).toBe(true);
      expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
    }
  });
});

describeOnEveryEngine("the student's loss", () => {
  it('is cross-entropy alone, bit for bit, at alpha 0', () => {
    const parameters = distillationOf(parametersSchema.parse({ alpha: 0 }));
    const mixed = studentLoss(parameters, z(student), z(teacher), y());
    const alone = crossEntropy(z(student), y());
    expect(mixed.value.dataSync()).toEqual(alone.value.dataSync());
    expect(mixed.gradient.dataSync()).toEqual(alone.gradient.dataSync());
  });

  it('leaves four tensors and no other', () => {
    const parameters = distillationOf(parametersSchema.parse({}));
    const [zS, zT, of] = [z(student), z(teacher), y()];
    const before = tf.memory().numTensors;
    studentLoss(parameters, zS, zT, of);
    expect(tf.memory().numTensors).toBe(before + 4);
  });
});
