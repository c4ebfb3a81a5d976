import * as tf from '@tensorflow/tfjs-core';
import { parametersSchema } from '../../../contract/parameters';
import type { Distillation } from '../../../trainer/losses';
import { centralDifference, metaGradient, type Pilot, type PilotProblem } from '../../../trainer/methods/meta-gradient';
import { withPullback } from '../../../trainer/numeric/gradients';
import { ADAM, type OptimizerState, RMSPROP } from '../../../trainer/numeric/optimizers';
import { randomStream } from '../../../trainer/numeric/random';
import type { Weights } from '../../../trainer/numeric/weights';
import { describeOnEveryEngine } from '../../testkit/engines';
import * as float64 from '../../testkit/float64';

/** z = tanh(x W) V: student and teacher alike, small enough for float64 scalars, curved in every weight. */
const names = ['hidden', 'output'] as const;
type Plain = Record<(typeof names)[number], number[][]>;

const random = randomStream(2024, 'meta-gradient test');
const normal = (rows: number, columns: number, deviation = 1) =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => Math.fround(deviation * random.normal())));
const [classes, inputs, units] = [3, 4, 5];
const batch = { x: normal(6, inputs), labels: [0, 1, 2, 0, 1, 2] };
const quiz = { x: normal(5, inputs), labels: [2, 1, 0, 0, 1] };
const student: Plain = { hidden: normal(inputs, units, 0.7), output: normal(units, classes, 0.7) };
const teacher: Plain = { hidden: normal(inputs, 3), output: normal(3, classes, 1.5) };
/** Moments a pilot optimizer may have after two steps; the squares are no smaller than the means allow. */
const moments = {
  mean: { hidden: normal(inputs, units, 0.02), output: normal(units, classes, 0.02) } as Plain,
  square: { hidden: normal(inputs, units), output: normal(units, classes) } as Plain,
};
for (const name of names)
  moments.square[name] = moments.square[name].map((row) => row.map((x) => Math.fround(0.003 * x * x + 1e-4)));

const tensors = (weights: Plain): Weights => ({
  hidden: tf.tensor2d(weights.hidden),
  output: tf.tensor2d(weights.output),
});
const logitsOf = (x: number[][]) => {
  const input = tf.tensor2d(x);
  return (weights: Weights) => tf.matMul(tf.tanh(tf.matMul(input, weights.hidden!)), weights.output!) as tf.Tensor2D;
};

function problemOf(distillation: Distillation, pilot: Pilot): PilotProblem {
  const slots = { meanGradient: tensors(moments.mean), meanSquare: tensors(moments.square) };
  const { meanSquare } = slots;
  const states: Record<Pilot['optimizer'], OptimizerState | null> = {
    sgd: null,
    rmsprop: { step: 2, slots: { meanSquare } },
    adam: { step: 2, slots },
  };
  return {
    student: logitsOf(batch.x),
    studentOnQuiz: logitsOf(quiz.x),
    weights: tensors(student),
    labels: tf.tensor1d(batch.labels, 'int32'),
    quizLabels: tf.tensor1d(quiz.labels, 'int32'),
    distillation,
    pilot,
    pilotState: states[pilot.optimizer],
  };
}

/** The gradient of the quiz loss with respect to the teacher's weights, and g_T, as training computes them. */
function computed(distillation: Distillation, pilot: Pilot) {
  const { gradients, seeded } = withPullback(logitsOf(batch.x), tensors(teacher), (logits) => {
    const { gradient, quizLoss } = metaGradient(problemOf(distillation, pilot), logits);
    return { seed: gradient, quizLoss };
  });
  return {
    gradient: names.flatMap((name) => Array.from(gradients[name]!.dataSync())),
    quizLoss: seeded.quizLoss.dataSync()[0]!,
  };
}

// ---- the unrolled objective in float64: CE_quiz after a pilot update, as a function of the teacher's weights

const forward = (x: number[][], weights: Record<keyof Plain, float64.Matrix>) =>
  float64.product(
    float64.product(float64.matrix(x), weights.hidden).map((row) => row.map(float64.tanh)),
    weights.output,
  );
const nodes = (weights: Plain) => ({
  hidden: float64.matrix(weights.hidden),
  output: float64.matrix(weights.output),
});

/** theta' of one weight, by the textbook formula of the optimizer's third step. */
function piloted(
  { optimizer, learningRate }: Pilot,
  theta: number,
  g: number,
  mean: number,
  meanSquare: number,
): number {
  if (optimizer === 'sgd') return theta - learningRate * g;
  if (optimizer === 'rmsprop') {
    const s = RMSPROP.smoothing * meanSquare + (1 - RMSPROP.smoothing) * g * g;
    return theta - (learningRate * g) / (Math.sqrt(s) + RMSPROP.epsilon);
  }
  const m = (ADAM.beta1 * mean + (1 - ADAM.beta1) * g) / (1 - ADAM.beta1 ** 3);
  const s = (ADAM.beta2 * meanSquare + (1 - ADAM.beta2) * g * g) / (1 - ADAM.beta2 ** 3);
  return theta - (learningRate * m) / (Math.sqrt(s) + ADAM.epsilon);
}

function quizLossInFloat64(distillation: Distillation, pilot: Pilot, teacherWeights: Plain): number {
  const weights = nodes(student);
  const teacherLogits = float64.matrix(float64.values(forward(batch.x, nodes(teacherWeights))));
  const loss = float64.studentLoss(distillation, forward(batch.x, weights), teacherLogits, batch.labels);
  const updated = Object.fromEntries(
    names.map((name) => {
      const g = float64.derivatives(loss, weights[name]);
      const [mean, square] = [moments.mean[name], moments.square[name]];
      return [
        name,
        student[name].map((row, i) =>
          row.map((theta, j) => piloted(pilot, theta, g[i]![j]!, mean[i]![j]!, square[i]![j]!)),
        ),
      ];
    }),
  ) as Plain;
  return float64.crossEntropy(forward(quiz.x, nodes(updated)), quiz.labels).value;
}

/** Central differences in float64: with steps of 1e-4 right to about 1e-8. */
function gradientInFloat64(distillation: Distillation, pilot: Pilot): number[] {
  const h = 1e-4;
  return names.flatMap((name) =>
    teacher[name].flatMap((row, i) =>
      row.map((_, j) => {
        const moved = (by: number): Plain => ({
          ...teacher,
          [name]: teacher[name].map((r, a) => r.map((x, b) => (a === i && b === j ? x + by : x))),
        });
        const difference = (by: number) => quizLossInFloat64(distillation, pilot, moved(by));
        return (difference(h) - difference(-h)) / (2 * h);
      }),
    ),
  );
}

const losses = parametersSchema.shape.loss.unwrap().options;
const setting = (loss: Distillation['loss'], scaled: boolean): Distillation => ({
  loss,
  alpha: 0.6,
  temperature: 2.5,
  scale: scaled ? 2.5 ** 2 : 1,
  mseTemperature: scaled ? 1 : 2.5,
  decoupled: { target: 1, nonTarget: 3 },
  relations: { inter: 1, intra: 2 },
});
const pilots: Pilot[] = [
  { optimizer: 'sgd', learningRate: 0.3 },
  { optimizer: 'rmsprop', learningRate: 0.05 },
  { optimizer: 'adam', learningRate: 0.05 },
];
const cases = pilots.flatMap((pilot) =>
  losses.flatMap((loss) => [true, false].map((scaled) => ({ pilot, loss, scaled }))),
);

describeOnEveryEngine('the meta-gradient is the gradient of the unrolled pilot update', () => {
  it.each(cases)('against float64: $pilot.optimizer pilot, $loss, temperature² $scaled', ({ pilot, loss, scaled }) => {
    const distillation = setting(loss, scaled);
    const { gradient, quizLoss } = computed(distillation, pilot);
    const expected = gradientInFloat64(distillation, pilot);
    expect(quizLoss).toBeCloseTo(quizLossInFloat64(distillation, pilot, teacher), 5);
    expect(float64.relativeError(gradient, expected)).toBeLessThan(1e-4); // 4e-6 to 3e-5 when written
  });
});

/** CE_quiz after an unrolled SGD pilot update, differentiated twice by TensorFlow.js: no closed form, no differences. */
function gradientByNestedAutodiff(distillation: Distillation, { learningRate }: Pilot): number[] {
  const { alpha, temperature, scale } = distillation;
  const logSoftmax = (z: tf.Tensor) => tf.sub(z, tf.log(tf.sum(tf.exp(z), 1, true)));
  const crossEntropy = (z: tf.Tensor, labels: number[]) =>
    tf.mul(tf.sum(tf.mul(tf.cast(tf.oneHot(labels, classes), 'float32'), logSoftmax(z))), -1 / labels.length);
  const forwardOn = (x: number[][], [hidden, output]: tf.Tensor[]) => logitsOf(x)({ hidden: hidden!, output: output! });
  const loss = (studentWeights: tf.Tensor[], teacherLogits: tf.Tensor) => {
    const z = forwardOn(batch.x, studentWeights);
    const logP = logSoftmax(tf.mul(z, 1 / temperature));
    const logQ = logSoftmax(tf.mul(teacherLogits, 1 / temperature));
    const kl = tf.mul(tf.sum(tf.mul(tf.exp(logQ), tf.sub(logQ, logP))), scale / batch.x.length);
    return tf.add(tf.mul(kl, alpha), tf.mul(crossEntropy(z, batch.labels), 1 - alpha));
  };
  const weights = Object.values(tensors(student));
  const quizLoss = (...teacherWeights: tf.Tensor[]) => {
    const teacherLogits = forwardOn(batch.x, teacherWeights);
    const g = tf.grads((...theta: tf.Tensor[]) => loss(theta, teacherLogits))(weights);
    const updated = weights.map((theta, index) => tf.sub(theta, tf.mul(g[index]!, learningRate)));
    return crossEntropy(forwardOn(quiz.x, updated), quiz.labels);
  };
  return tf
    .grads(quizLoss)(Object.values(tensors(teacher)))
    .flatMap((gradient) => Array.from(gradient.dataSync()));
}

describeOnEveryEngine('the meta-gradient and nested automatic differentiation', () => {
  it('agree', () => {
    const distillation = setting('kl', true);
    const nested = gradientByNestedAutodiff(distillation, pilots[0]!);
    expect(float64.relativeError(nested, gradientInFloat64(distillation, pilots[0]!))).toBeLessThan(1e-5);
    expect(float64.relativeError(computed(distillation, pilots[0]!).gradient, nested)).toBeLessThan(1e-4);
  });
});

describeOnEveryEngine('the central difference along a direction', () => {
  it('is right in float32 to 5e-5 of float64, whatever the length of the direction', () => {
    const direction = { hidden: normal(inputs, units), output: normal(units, classes) } as Plain;
    const h = 1e-6;
    const moved = (by: number) => {
      const at = Object.fromEntries(
        names.map((name) => [name, student[name].map((r, i) => r.map((x, j) => x + by * direction[name][i]![j]!))]),
      ) as Plain;
      return float64.values(forward(batch.x, nodes(at))).flat();
    };
    const behind = moved(-h);
    const expected = moved(h).map((value, index) => (value - behind[index]!) / (2 * h));
    for (const length of [1e-6, 1, 1e4]) {
      const scaled = Object.fromEntries(
        Object.entries(tensors(direction)).map(([name, tensor]) => [name, tf.mul(tensor, length)]),
      );
      const u = Array.from(centralDifference(logitsOf(batch.x), tensors(student), scaled).dataSync());
      expect(
        float64.relativeError(
          u,
          expected.map((value) => value * length),
        ),
      ).toBeLessThan(5e-5);
    }
  });

  it('is 0 along nothing, and NaN along NaN', () => {
    const zero = { hidden: tf.zeros([inputs, units]), output: tf.zeros([units, classes]) };
    const along = (direction: Weights) =>
      Array.from(centralDifference(logitsOf(batch.x), tensors(student), direction).dataSync());
    expect(along(zero).every((value) => value === 0)).toBe(true);
    expect(along({ ...zero, output: tf.fill([units, classes], Number.NaN) }).every(Number.isNaN)).toBe(true);
  });
});

describeOnEveryEngine('a pilot whose moments are new', () => {
  // s = 0 and a gradient of exactly 0 in one row of W: s' = 0, where D = 1/e and 0/0 lurk.
  it.each(['rmsprop', 'adam'] as const)(
    'takes no step along weights that the batch does not touch: %s',
    (optimizer) => {
      const untouched = logitsOf(batch.x.map((row) => [0, ...row.slice(1)]));
      const zeros = { hidden: tf.zeros([inputs, units]), output: tf.zeros([units, classes]) };
      const problem: PilotProblem = {
        ...problemOf(setting('kl', true), { optimizer, learningRate: 0.01 }),
        student: untouched,
        pilotState: { step: 0, slots: { meanGradient: zeros, meanSquare: zeros } },
      };
      const { gradient, pilotState } = metaGradient(problem, logitsOf(batch.x)(tensors(teacher)));
      const values = Array.from(gradient.dataSync());
      expect(values.every(Number.isFinite)).toBe(true);
      expect(values.some((value) => value !== 0)).toBe(true);
      expect(pilotState!.step).toBe(1);
    },
  );
});
