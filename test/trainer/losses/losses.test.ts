import * as tf from '@tensorflow/tfjs-core';
import { parametersSchema } from '../../../contract/parameters';
import {
  crossEntropy,
  type Distillation,
  distillationAt,
  distillationLoss,
  distillationOf,
  studentLoss,
} from '../../../trainer/losses';
import { throughMixedDerivative } from '../../../trainer/losses/mixed-derivative';
import { describeOnEveryEngine } from '../../testkit/engines';
import * as float64 from '../../testkit/float64';

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
const losses = parametersSchema.shape.loss.unwrap().options;

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

  const klByHand = 4 * (0.75 * Math.log(1.5) + 0.25 * Math.log(0.5));
  // Two classes, z_S = (0, 0), z_T = (2 log 3, 0), tau = 2: p = (1/2, 1/2), q = (3/4, 1/4), worked by hand.
  const byHand: [Distillation['loss'], number, [number, number]][] = [
    ['ce', 4 * Math.log(2), [-0.5, 0.5]],
    ['kl', 4 * (0.75 * Math.log(1.5) + 0.25 * Math.log(0.5)), [-0.5, 0.5]],
    ['reverse-kl', 4 * 0.5 * (Math.log(2 / 3) + Math.log(2)), [-0.5 * Math.log(3), 0.5 * Math.log(3)]],
    ['mse', (2 * Math.log(3)) ** 2 / 2, [-2 * Math.log(3), 0]],
    ['mse-probs', 4 / 16, [-0.25, 0.25]],
    // 1 - exp(-K), its gradient exp(-K) times that of kl
    ['dixtill-kl', 1 - Math.exp(-klByHand), [-0.5 * Math.exp(-klByHand), 0.5 * Math.exp(-klByHand)]],
    // Of two classes the others are one, which has nothing to tell: the target's part alone, here kl itself.
    ['dkd', klByHand, [-0.5, 0.5]],
  ];
  it.each(byHand)('%s has the value and the gradient worked out by hand', (loss, value, gradient) => {
    const found = distillationLoss(settings(loss), z([[0, 0]]), z([[2 * Math.log(3), 0]]), tf.tensor1d([0], 'int32'));
    expect(found.value.dataSync()[0]).toBeCloseTo(value, 5);
    expect(found.gradient.dataSync()[0]).toBeCloseTo(gradient[0], 5);
    expect(found.gradient.dataSync()[1]).toBeCloseTo(gradient[1], 5);
  });

  it('dkd counts the classes beside the target among themselves: q = (1/2, 3/8, 1/8), p = (1/2, 1/4, 1/4), b = 2', () => {
    const logits = (shares: number[]) => z([shares.map((share) => 2 * Math.log(share))]);
    const { value, gradient } = distillationLoss(
      settings('dkd', { dkdNonTargetWeight: 2 }),
      logits([2, 1, 1]),
      logits([4, 3, 1]),
      tf.tensor1d([0], 'int32'),
    );
    // The target's part is 0; qhat = (3/4, 1/4), phat = (1/2, 1/2); 4 / 2 * 2 * (phat - qhat) as gradient
    expect(value.dataSync()[0]).toBeCloseTo(4 * 2 * (0.75 * Math.log(1.5) + 0.25 * Math.log(0.5)), 5);
    expect(gradient.dataSync()[0]).toBeCloseTo(0, 5);
    expect(gradient.dataSync()[1]).toBeCloseTo(-1, 5);
    expect(gradient.dataSync()[2]).toBeCloseTo(1, 5);
  });

  it('dkd rises linearly over its warm-up, and no other loss does', () => {
    const scaleAt = (loss: Distillation['loss'], step: number) =>
      distillationAt(parametersSchema.parse({ loss, dkdWarmupShare: 0.1 }), 40)(step).scale;
    expect([0, 1, 2, 3, 39].map((step) => scaleAt('dkd', step))).toEqual([1, 2, 3, 4, 4]);
    expect(scaleAt('kl', 0)).toBe(4);
  });

  it('dist is its two weights, each doubled, where all correlations are -1, and 0 where a scale alone differs', () => {
    // p = (3/4, 1/4), (1/4, 3/4) against q with the columns exchanged: rho = -1 in every row and column.
    const student = z([
      [2 * Math.log(3), 0],
      [0, 2 * Math.log(3)],
    ]);
    const weights = { distInterWeight: 3, distIntraWeight: 0.5 };
    const loss = (teacher: tf.Tensor2D) =>
      distillationLoss(settings('dist', weights), student, teacher, tf.tensor1d([0, 1], 'int32')).value.dataSync()[0]!;
    expect(loss(tf.reverse(student, 1))).toBeCloseTo(4 * (2 * 3 + 2 * 0.5), 4);
    expect(loss(tf.mul(student, 0.3))).toBeCloseTo(0, 4);
  });

  it('logit-std does not see shift and scale: with two classes it is 4 tanh(1/2) where they disagree, gradient 0', () => {
    const { value, gradient } = distillationLoss(
      settings('logit-std'),
      z([[0, 2]]),
      z([[300, 100]]),
      tf.tensor1d([0], 'int32'),
    );
    expect(value.dataSync()[0]).toBeCloseTo(4 * Math.tanh(0.5), 5);
    expect(Math.max(...gradient.dataSync().map(Math.abs))).toBeLessThan(1e-6);
  });

  it.each(losses)('%s stays finite where all logits of an example, and all of a batch of one, are equal', (loss) => {
    const { value, gradient } = distillationLoss(
      settings(loss),
      z([[1, 1, 1]]),
      z([[2, 2, 2]]),
      tf.tensor1d([1], 'int32'),
    );
    expect(Number.isFinite(value.dataSync()[0])).toBe(true);
    expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
  });

  // 5.1 three times has a mean of 5.1000004 in float32: a spread of rounding alone.
  it.each(
    losses.flatMap((loss) => [
      { loss, logits: [[5.1, 5.1, 5.1]], of: 'a batch of one' },
      {
        loss,
        logits: [
          [5.1, 5.1, 5.1],
          [-2, -2, -2],
        ],
        of: 'a batch',
      },
    ]),
  )('has the gradient of a moderate loss at equal logits in $of: $loss', ({ loss, logits }) => {
    const labelsOf = tf.tensor1d(
      logits.map(() => 1),
      'int32',
    );
    const teachers = logits.map((_, row) => teacher[row]!);
    for (const [zS, zT] of [
      [logits, teachers],
      [teachers, logits],
      [logits, logits],
    ]) {
      const { value, gradient } = distillationLoss(settings(loss), z(zS!), z(zT!), labelsOf);
      const mixed = throughMixedDerivative(settings(loss), z(zS!), z(zT!), labelsOf, tf.onesLike(z(zS!)));
      expect(Number.isFinite(value.dataSync()[0])).toBe(true);
      for (const values of [gradient.dataSync(), mixed.dataSync()])
        expect(Math.max(...values.map((x) => (Number.isFinite(x) ? Math.abs(x) : Infinity)))).toBeLessThan(100);
    }
  });

  it('has no direction at equal logits in dist and logit-std: no gradient, and the value of uncorrelated logits', () => {
    const equal = z([[5.1, 5.1, 5.1]]);
    for (const [loss, expected] of [
      ['dist', 2],
      ['logit-std', null],
    ] as const) {
      const { value, gradient } = distillationLoss(settings(loss), equal, z([teacher[0]!]), tf.tensor1d([1], 'int32'));
      if (expected !== null) expect(value.dataSync()[0]! / settings(loss).scale).toBeCloseTo(expected, 5);
      expect([...gradient.dataSync()].every((x) => x === 0)).toBe(true);
    }
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
      const { value, gradient } = distillationLoss(settings(loss), z(teacher), z(teacher), y());
      const entropy = distillationLoss(settings('ce'), z(teacher), z(teacher), y()).value.dataSync()[0]!;
      expect(value.dataSync()[0]).toBeCloseTo(loss === 'ce' ? entropy : 0, 5);
      expect(entropy).toBeGreaterThan(0.5);
      expect(Math.max(...gradient.dataSync().map(Math.abs))).toBeLessThan(2e-6);
    }
  });

  it('scales by temperature² unless told otherwise, except mse', () => {
    expect(losses.map((loss) => settings(loss).scale)).toEqual([4, 4, 1, 4, 4, 4, 4, 4, 4]);
    expect(losses.map((loss) => settings(loss, { temperatureScaling: false }).scale)).toEqual(losses.map(() => 1));
    expect(settings('mse', { temperatureScaling: true }).scale).toBe(4);
  });

  it('stays finite where the distributions share no mass', () => {
    for (const loss of losses) {
      const { value, gradient } = distillationLoss(
        settings(loss),
        z([[300, 0, 0]]),
        z([[0, 300, 0]]),
        tf.tensor1d([2], 'int32'),
      );
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
