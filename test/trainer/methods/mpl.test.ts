import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../../contract/metric-names';
import type { ParameterOverrides } from '../../../contract/parameters';
import { createMethod } from '../../../trainer/methods';
import { drawLabels } from '../../../trainer/methods/mpl';
import { randomStream } from '../../../trainer/numeric/random';
import { describeOnEveryEngine } from '../../testkit/engines';
import * as float64 from '../../testkit/float64';
import { tinyStudent, tinyStudentWeights } from '../../testkit/tiny-models';
import { figure, parameters, stepInputs, takeStep, wordProblem } from '../../testkit/training';

/** A teacher that is its logits: what its one weight [b, c] gets as gradient is g_T itself. */
const teacherLogits = [
  [1, 0, -1],
  [2, -0.5, 0.125],
  [0, 0.5, 0.25],
  [-1, 1, 0],
];
const bareTeacher = () => () => (weights: Readonly<Record<string, tf.Tensor>>) => weights.logits as tf.Tensor2D;

const overrides: ParameterOverrides = {
  teacherOptimizer: 'sgd',
  teacherLearningRate: 1,
  teacherWeightDecay: 0,
  pilotLearningRate: 0.5,
};
const batch = wordProblem(4, 1);
const quiz = wordProblem(6, 2);

describeOnEveryEngine('Meta Pseudo Labels', () => {
  it('moves the teacher by h / lambda times (onehot(yhat) - softmax(z_T)) / b, h the fall of the quiz loss', () => {
    const method = createMethod('mpl', {
      parameters: parameters(overrides),
      totalSteps: 10,
      student: tinyStudent(0),
      teacher: bareTeacher(),
    });
    const weights = { student: tinyStudentWeights(), teacher: { logits: tf.tensor2d(teacherLogits) } };
    const inputs = stepInputs(batch, { quiz });

    const outcome = takeStep(method, method.begin(weights), inputs);

    // The same by hand: a scratch step of plain SGD on the drawn labels is the pilot.
    const labels = drawLabels(weights.teacher.logits, inputs.random.substream('teacher signal')).dataSync();
    const scratch = createMethod('scratch', {
      parameters: parameters({ studentOptimizer: 'sgd', studentLearningRate: 0.5, gradientClipping: null }),
      totalSteps: 10,
      student: tinyStudent(0),
      teacher: null,
    });
    const begun = scratch.begin({ student: tinyStudentWeights(), teacher: null });
    const pilot = takeStep(scratch, begun, stepInputs({ ...batch, labels: Int32Array.from(labels) }));
    const quizLoss = (of: typeof weights.student) => {
      const logits = tinyStudent(0)(quiz, null)(of).arraySync();
      return float64.crossEntropy(float64.matrix(logits), [...quiz.labels]).value;
    };
    const h = (quizLoss(weights.student) - quizLoss(pilot.state.student!.weights)) / 0.5;
    expect(Math.abs(h)).toBeGreaterThan(0.01);
    expect(figure(outcome, metricNames.studentFeedback)).toBeCloseTo(h, 4);
    const q = float64.logSoftmax(float64.matrix(teacherLogits), 1);
    const moved = outcome.state.teacher!.weights.logits!.arraySync() as number[][];
    moved.forEach((row, i) => {
      row.forEach((value, j) => {
        const expected = (h / 4) * ((labels[i] === j ? 1 : 0) - Math.exp(q[i]![j]!.value));
        expect(value - teacherLogits[i]![j]!).toBeCloseTo(expected, 5);
      });
    });
  });

  it('draws pseudo labels as often as the teacher says: within 4 standard errors over 20,000', () => {
    const [n, p] = [20_000, [0.5, 0.3, 0.2]];
    const logits = tf.tile(tf.log(tf.tensor2d([p])), [n, 1]) as tf.Tensor2D;
    const counts = [0, 0, 0];
    for (const label of drawLabels(logits, randomStream(1)).dataSync()) counts[label]! += 1;
    p.forEach((share, label) => {
      expect(Math.abs(counts[label]! / n - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / n));
    });
  });

  it('keeps the moments of an adaptive pilot, and none of plain SGD', () => {
    const of = (pilotOptimizer: 'sgd' | 'adam') => {
      const method = createMethod('mpl', {
        parameters: parameters({ ...overrides, pilotOptimizer }),
        totalSteps: 10,
        student: tinyStudent(0),
        teacher: bareTeacher(),
      });
      const begun = method.begin({ student: tinyStudentWeights(), teacher: { logits: tf.tensor2d(teacherLogits) } });
      return takeStep(method, begun, stepInputs(batch, { quiz })).state.pilot;
    };
    expect(of('sgd')).toBeNull();
    expect(of('adam')!.step).toBe(1);
  });
});
