import * as tf from '@tensorflow/tfjs-core';
import { distillationOf } from '../../../trainer/losses';
import { metaGradient } from '../../../trainer/methods/meta-gradient';
import { bilstmLogits, initialiseBilstm } from '../../../trainer/models/word/bilstm';
import { bilstmTangent } from '../../../trainer/models/word/tangent';
import { ADAM, createOptimizer, RMSPROP } from '../../../trainer/numeric/optimizers';
import { randomStream } from '../../../trainer/numeric/random';
import type { Logits } from '../../../trainer/numeric/weights';
import type { Sequences } from '../../../trainer/tokenizers/sequences';
import { describeOnEveryEngine } from '../../testkit/engines';
import * as float64 from '../../testkit/float64';
import { type RealWeights, realBilstm, realWeights } from '../../testkit/real-bilstm';
import { redrawn, toFloat64 } from '../../testkit/tensors';
import { examplesOf } from '../../testkit/tiny-models';
import { parameters } from '../../testkit/training';

/**
 * On its first step a pilot's optimizer has moments of 0. Then D is e / (r + e)²: 1 where gradients are large, and 1e8 where
 * they are far below epsilon, as those of words in the middle of a long text are.
 */
const [classes, rows, vocabulary, width, units] = [3, 2, 40, 4, 4];
const distillation = distillationOf(parameters({ loss: 'kl' }));

function problemOf({ length, seed }: { length: number; seed: number }) {
  const random = randomStream(seed, 'new moments', length);
  const sequences = (): Sequences => ({
    ids: Int32Array.from({ length: rows * length }, () => 1 + random.integerBelow(vocabulary - 1)),
    lengths: new Int32Array(rows).fill(length),
  });
  const table = { values: new Float32Array(vocabulary * width), size: width };
  return {
    train: sequences(),
    quiz: sequences(),
    labels: [0, 2],
    quizLabels: [1, 0],
    weights: redrawn(initialiseBilstm({ units, classes }, table, random), 0.4),
    teacher: Array.from({ length: rows }, () => Array.from({ length: classes }, () => Math.fround(random.normal()))),
  };
}

type Problem = ReturnType<typeof problemOf>;
type Pilot = { optimizer: 'rmsprop' | 'adam'; learningRate: number };

function computed({ train, quiz, labels, quizLabels, weights, teacher }: Problem, pilot: Pilot): number[] {
  const logitsOf = (words: Sequences): Logits =>
    Object.assign((of: Parameters<Logits>[0]) => bilstmLogits(of, words), {
      tangent: ((of, direction) => bilstmTangent(of, direction, words)) as Logits['tangent'],
    });
  const { gradient } = metaGradient(
    {
      student: logitsOf(train),
      studentOnQuiz: logitsOf(quiz),
      weights,
      labels: tf.tensor1d(labels, 'int32'),
      quizLabels: tf.tensor1d(quizLabels, 'int32'),
      distillation,
      pilot,
      pilotState: createOptimizer({ name: pilot.optimizer }).initialState(weights),
    },
    tf.tensor2d(teacher),
  );
  return Array.from(gradient.dataSync());
}

/** The first update of a weight by the textbook, theta - lr g / (a |g| + e), and its derivative with respect to g. */
function piloted({ optimizer, learningRate }: Pilot, theta: number, g: number) {
  const [a, e] = optimizer === 'rmsprop' ? [Math.sqrt(1 - RMSPROP.smoothing), RMSPROP.epsilon] : [1, ADAM.epsilon];
  const divisor = a * Math.abs(g) + e;
  return { theta: theta - (learningRate * g) / divisor, derivative: (-learningRate * e) / divisor ** 2 };
}

/** Derivatives of `result` with respect to all weights, one after the other. */
const ofWeights = (result: float64.Real, weights: RealWeights): number[] =>
  float64.derivatives(result, Object.values(weights).flat()).flat();

/**
 * dCE_quiz / dz_T by the chain rule in float64, term by term: sum over weights of dCE_quiz/dtheta' dtheta'/dg dg/dz_T. With
 * g = J^T dL/dz_S, where J is exact; how dL/dz_S changes with z_T is a difference of a smooth function of few numbers.
 */
function expected({ train, quiz, labels, quizLabels, weights, teacher }: Problem, pilot: Pilot): number[] {
  const numbers = toFloat64(weights);
  const student = realWeights(numbers);
  const logits = examplesOf(train).map((ids) => realBilstm(student, ids));
  const jacobian = logits.flat().map((logit) => ofWeights(logit, student)); // [b c][weights]
  const outputs = float64.matrix(float64.values(logits));
  const atLogits = (teacherLogits: number[][]): number[] => {
    const loss = float64.studentLoss(distillation, outputs, float64.matrix(teacherLogits), labels);
    return float64.derivatives(loss, outputs).flat();
  };
  const throughStudent = (ofLogits: number[]): number[] =>
    jacobian[0]!.map((_, weight) => ofLogits.reduce((sum, d, logit) => sum + d * jacobian[logit]![weight]!, 0));

  const g = throughStudent(atLogits(teacher));
  const updates = Object.values(numbers)
    .flatMap(({ values }) => [...values])
    .map((theta, weight) => piloted(pilot, theta, g[weight]!));
  let from = 0;
  const updated = Object.entries(numbers).map(([name, { shape, values }]) => {
    from += values.length;
    const moved = updates.slice(from - values.length, from).map(({ theta }) => theta);
    return [name, { shape, values: Float64Array.from(moved) }];
  });
  const after = realWeights(Object.fromEntries(updated));
  const quizLoss = float64.crossEntropy(
    examplesOf(quiz).map((ids) => realBilstm(after, ids)),
    quizLabels,
  );
  const v = ofWeights(quizLoss, after);
  const h = 1e-5;
  return teacher.flatMap((row, i) =>
    row.map((_, k) => {
      const moved = (by: number) => teacher.map((r, a) => r.map((x, b) => (a === i && b === k ? x + by : x)));
      const [ahead, behind] = [atLogits(moved(h)), atLogits(moved(-h))];
      const dG = throughStudent(ahead.map((value, logit) => (value - behind[logit]!) / (2 * h)));
      return dG.reduce((sum, change, weight) => sum + v[weight]! * updates[weight]!.derivative * change, 0);
    }),
  );
}

/** Texts at which no gradient cancels to a millionth of the others: its D would be as uncertain as its float32. */
const texts = [
  { length: 64, seed: 1 },
  { length: 300, seed: 1 },
];
const pilots: Pilot[] = [
  { optimizer: 'rmsprop', learningRate: 1e-3 },
  { optimizer: 'adam', learningRate: 1e-3 },
];
const cases = texts.flatMap((text) => pilots.map((pilot) => ({ ...text, pilot })));
const inFloat64 = new Map<object, number[]>();

describeOnEveryEngine('the meta-gradient of a pilot whose moments are new', () => {
  it.each(cases)('is that of float64 for texts of $length words: $pilot.optimizer', (given) => {
    const problem = problemOf(given);
    const known = inFloat64.get(given) ?? expected(problem, given.pilot);
    inFloat64.set(given, known);
    const error = float64.relativeError(computed(problem, given.pilot), known);
    expect(error).toBeLessThan(1e-4);
  });
});
