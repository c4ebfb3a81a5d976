import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../../contract/metric-names';
import { distillationOf } from '../../../trainer/losses';
import { createMethod } from '../../../trainer/methods';
import { imitatedLayers } from '../../../trainer/methods/pkd';
import { inputsOf, withoutTrainingOnly } from '../../../trainer/models/model';
import { describeOnEveryEngine } from '../../testkit/engines';
import * as float64 from '../../testkit/float64';
import { type Array64, centralDifference, type NaiveWeights, naiveBilstmStates } from '../../testkit/naive-models';
import { largestDifference, toFloat64 } from '../../testkit/tensors';
import {
  examplesOf,
  tinyAttentiveWeights,
  tinyBert,
  tinyHints,
  tinyStudent,
  tinyStudentWeights,
  tinyTeacherHints,
} from '../../testkit/tiny-models';
import { figure, parameters, stepInputs, takeStep, wordProblem } from '../../testkit/training';

type Name = 'pkd' | 'distilbert' | 'tinybert' | 'dixtill';
type States = ReturnType<typeof naiveBilstmStates>;

const batch = wordProblem(4, 3);
const sequences = examplesOf(inputsOf(batch, 'student'));
const teacherLogits = sequences.map((ids, row) => [ids.length / 4, row / 2 - 1, 0.3]);

const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const cosine = (x: number[], y: number[]) => dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
const unit = (x: number[]) => x.map((value) => value / Math.sqrt(dot(x, x)));
const distance = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + (value - y[i]!) ** 2, 0);
const times = ({ shape: [rows, columns], values }: Array64, x: number[]) =>
  Array.from({ length: rows! }, (_, row) => dot([...values.subarray(row * columns!, (row + 1) * columns!)], x));

/** Every hint by its definition, from float64 states of every example and the rows that the teacher tells. */
const hintsInFloat64: Record<
  Name,
  (weights: NaiveWeights, states: States[], teacher: Record<string, number[][]>) => number
> = {
  pkd: (w, states, { 'summary.1': cls }) =>
    mean(states.map(({ state }, i) => distance(unit(times(w['training-only.patient.1']!, state)), unit(cls![i]!)))),
  distilbert: (w, states, { 'summary.2': cls }) =>
    mean(states.map(({ state }, i) => 1 - cosine(times(w['training-only.cls']!, state), cls![i]!))),
  tinybert: (w, states, hints) => {
    const [vectors, hidden] = [states.flatMap((of) => of.vectors), states.flatMap((of) => of.wordStates)];
    const read = hints.isRead!.flatMap(([isRead], word) => (isRead === 1 ? [word] : []));
    const width = tinyBert.hidden;
    const errors = read.map(
      (word) =>
        distance(times(w['training-only.embedding']!, vectors[word]!), hints['states.0']![word]!) +
        distance(times(w['training-only.hidden']!, hidden[word]!), hints['states.2']![word]!),
    );
    return mean(errors) / width;
  },
  dixtill: (_, states, { attributions }) => {
    let from = 0;
    const angles = states.map(({ scores }) => {
      from += scores!.length;
      return (1 - cosine(scores!, attributions!.slice(from - scores!.length, from).flat())) / 2;
    });
    return mean(angles);
  },
};

/** What each adds to (1 - alpha) CE + alpha KD, and by which KD. */
const definitions = {
  pkd: { loss: 'kl', weight: 3 },
  distilbert: { loss: 'ce', weight: 3 },
  tinybert: { loss: 'ce', weight: 3 },
  dixtill: { loss: 'dixtill-kl', weight: 0.6 },
} as const;

const mapHints = (hints: Record<string, tf.Tensor2D>): Record<string, number[][]> =>
  Object.fromEntries(Object.entries(hints).map(([hint, tensor]) => [hint, tensor.arraySync()]));

function lossInFloat64(name: Name, weights: NaiveWeights): { whole: number; hint: number } {
  const states = sequences.map((ids) => naiveBilstmStates(weights, ids));
  const { loss, weight } = definitions[name];
  const settings = { ...distillationOf(parameters({ alpha: 0.6 })), loss };
  const logits = float64.matrix(states.map((of) => of.logits));
  const base = float64.studentLoss(settings, logits, float64.matrix(teacherLogits), [...batch.labels]);
  const hint = hintsInFloat64[name](weights, states, mapHints(tinyTeacherHints(name, batch)!));
  return { whole: base.value + weight * hint, hint };
}

const names: Name[] = ['pkd', 'distilbert', 'tinybert', 'dixtill'];

describeOnEveryEngine('a method that imitates the inside of a teacher', () => {
  /** Its begin, and what it is after a step of plain SGD at rate 1: moved by minus the gradient. */
  const step = (name: Name) => {
    const method = createMethod(name, {
      parameters: parameters({
        alpha: 0.6,
        hintWeight: 3,
        embeddingSize: 2,
        patientLayers: 'last',
        studentOptimizer: 'sgd',
        studentLearningRate: 1,
        gradientClipping: null,
      }),
      totalSteps: 10,
      student: tinyStudent(),
      teacher: null,
      hints: tinyHints(),
    });
    const student = name === 'dixtill' ? tinyAttentiveWeights() : tinyStudentWeights();
    const begun = method.begin({ student, teacher: null }).student!.weights;
    const outcome = takeStep(
      method,
      method.begin({ student, teacher: null }),
      stepInputs(batch, { teacherLogits: tf.tensor2d(teacherLogits), hints: tinyTeacherHints(name, batch) }),
    );
    return { begun, outcome };
  };

  it.each(names)('%s has the loss and the gradients of its definition in float64, projections included', (name) => {
    const { begun, outcome } = step(name);
    const exact = toFloat64(begun);
    const expected = lossInFloat64(name, exact);
    expect(figure(outcome, metricNames.trainLoss)).toBeCloseTo(expected.whole, 4);
    expect(figure(outcome, metricNames.trainHint)).toBeCloseTo(expected.hint, 5);
    for (const [weight, after] of Object.entries(outcome.state.student!.weights)) {
      const before = begun[weight]!.dataSync();
      const gradient = before.map((value, index) => value - after.dataSync()[index]!);
      const slopes = Array.from(gradient, (_, index) =>
        centralDifference((of) => lossInFloat64(name, of).whole, exact, weight, index),
      );
      const size = Math.max(...slopes.map(Math.abs), 0.01);
      expect({ weight, close: largestDifference(gradient, slopes) / size < 1e-3 }).toEqual({ weight, close: true });
    }
  });

  it.each([
    ['pkd', ['patient.1']],
    ['distilbert', ['cls']],
    ['tinybert', ['embedding', 'hidden']],
    ['dixtill', []],
  ] as [Name, string[]][])(
    '%s learns its projections with the student, of which they are no part',
    (name, projections) => {
      const { begun, outcome } = step(name);
      const learnt = outcome.state.student!.weights;
      const own = Object.keys(learnt).filter((weight) => weight.startsWith('training-only.'));
      expect(own).toEqual(projections.map((projection) => `training-only.${projection}`));
      for (const weight of own)
        expect(largestDifference(learnt[weight]!, begun[weight]!.dataSync())).toBeGreaterThan(1e-3);
      expect(Object.keys(withoutTrainingOnly(learnt))).toEqual(
        Object.keys(learnt).filter((weight) => !own.includes(weight)),
      );
    },
  );
});

describe('the layers that patient distillation imitates', () => {
  it.each([
    [12, 'skip', [2, 4, 6, 8, 10]],
    [12, 'last', [7, 8, 9, 10, 11]],
    [6, 'skip', [2, 4]],
    [6, 'last', [4, 5]],
    [3, 'skip', [2]],
    [2, 'skip', []],
    [2, 'last', [1]],
    [1, 'last', []],
  ] as const)('of %i, %s: as the paper has them for BERT-base, and alike for others', (layers, choice, expected) => {
    expect(imitatedLayers(choice, layers)).toEqual(expected);
  });
});
