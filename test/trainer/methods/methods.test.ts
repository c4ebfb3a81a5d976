import * as tf from '@tensorflow/tfjs-core';
import { type TrainingMethodName, trainingMethodNames } from '../../../contract/methods';
import { metricNames } from '../../../contract/metric-names';
import type { ParameterOverrides, Parameters } from '../../../contract/parameters';
import { createMethod } from '../../../trainer/methods';
import type { StepInputs, TrainingState } from '../../../trainer/methods/method';
import type { Classifier } from '../../../trainer/models/model';
import { initialiseLora } from '../../../trainer/models/peft/lora';
import { transformerLayers } from '../../../trainer/models/transformer/architecture';
import { globalNorm, mapWeights } from '../../../trainer/numeric/optimizers';
import { randomStream } from '../../../trainer/numeric/random';
import type { Weights } from '../../../trainer/numeric/weights';
import { describeOnEveryEngine } from '../../testkit/engines';
import {
  tinyAttentiveWeights,
  tinyBert,
  tinyHints,
  tinyStudent,
  tinyStudentWeights,
  tinyTeacher,
  tinyTeacherHints,
  tinyTeacherWeights,
} from '../../testkit/tiny-models';
import { bits, figure, parameters, stepInputs, takeStep, train, wordProblem } from '../../testkit/training';

const totalSteps = 100;
const dropout = 0.2;

/** A method on tiny models. Whatever the method, student and teacher start from the same weights. */
function tiny(name: TrainingMethodName, overrides: ParameterOverrides = {}, exact: Partial<Parameters> = {}) {
  const usesLora = name.endsWith('lora');
  const lora = () =>
    initialiseLora(
      transformerLayers(tinyBert),
      { rank: 2, alpha: 2, targets: ['query', 'value'], layers: null },
      randomStream(0),
    );
  const teacherWeights = tinyTeacherWeights();
  const [learning, frozen] = usesLora ? [lora(), teacherWeights] : [teacherWeights, {}];
  const teacher = tinyTeacher(frozen);
  const method = createMethod(name, {
    parameters: { ...parameters({ embeddingSize: 2, patientLayers: 'last', ...overrides }), ...exact },
    totalSteps,
    student: tinyStudent(dropout),
    teacher,
    hints: tinyHints(dropout),
  });
  const student = name === 'dixtill' ? tinyAttentiveWeights() : tinyStudentWeights();
  return { name, method, teacher, begin: method.begin({ student, teacher: learning }) };
}

const batchAt = (step: number) => wordProblem(8, step);
const quizAt = (step: number) => wordProblem(6, 1000 + step);
const inputsOf =
  (teacher: Classifier, teacherWeights: Weights, name: TrainingMethodName = 'kd') =>
  (step: number): StepInputs => {
    const batch = batchAt(step);
    const teacherLogits = teacher(batch, null)(teacherWeights);
    return stepInputs(batch, { step, quiz: quizAt(step), teacherLogits, hints: tinyTeacherHints(name, batch) });
  };
const afterThreeSteps = ({ method, begin, teacher }: ReturnType<typeof tiny>) =>
  train(
    method,
    begin,
    3,
    (step) => tf.tidy(() => inputsOf(teacher, tinyTeacherWeights())(step) as never) as StepInputs,
  );

describeOnEveryEngine('methods', () => {
  it('kd with alpha 0 is scratch, bit for bit', () => {
    const scratch = afterThreeSteps(tiny('scratch'));
    const kd = afterThreeSteps(tiny('kd', { alpha: 0 }));
    expect(bits(kd.state.student!.weights)).toEqual(bits(scratch.state.student!.weights));
    expect(figure(kd, metricNames.trainLoss)).toBe(figure(scratch, metricNames.trainLoss));
    expect(bits(afterThreeSteps(tiny('kd')).state.student!.weights)).not.toEqual(bits(kd.state.student!.weights));
  });

  it.each(['meta-full', 'meta-lora'] as const)('%s with a teacher that stands still is kd, bit for bit', (name) => {
    const kd = afterThreeSteps(tiny('kd'));
    const meta = afterThreeSteps(tiny(name, {}, { teacherLearningRate: 0 }));
    expect(bits(meta.state.student!.weights)).toEqual(bits(kd.state.student!.weights));
    const moving = afterThreeSteps(tiny(name, { teacherLearningRate: 0.05 }));
    expect(bits(moving.state.student!.weights)).not.toEqual(bits(kd.state.student!.weights));
  });

  it('a meta step teaches the student by the updated teacher', () => {
    const { method, begin, teacher } = tiny('meta-full', { teacherLearningRate: 0.1, teacherOptimizer: 'adam' });
    const meta = takeStep(method, begin, inputsOf(teacher, tinyTeacherWeights())(0));
    const kd = tiny('kd');
    const updated = takeStep(kd.method, kd.begin, inputsOf(kd.teacher, meta.state.teacher!.weights)(0));
    expect(bits(meta.state.student!.weights)).toEqual(bits(updated.state.student!.weights));
  });

  it('the first meta-lora step moves B and leaves A, whose gradient B = 0 makes 0', () => {
    const { method, begin, teacher } = tiny('meta-lora', { teacherWeightDecay: 0, teacherLearningRate: 0.01 });
    const after = takeStep(method, begin, inputsOf(teacher, {})(0)).state.teacher!.weights;
    const moved = Object.keys(after).filter(
      (name) => String(after[name]!.dataSync()) !== String(begin.teacher!.weights[name]!.dataSync()),
    );
    expect(moved).toEqual(Object.keys(after).filter((name) => name.endsWith('lora_B')));
    const second = takeStep(
      method,
      { ...begin, teacher: { ...begin.teacher!, weights: after } },
      inputsOf(teacher, {})(1),
    );
    for (const [name, weight] of Object.entries(second.state.teacher!.weights))
      expect({ name, same: String(weight.dataSync()) === String(after[name]!.dataSync()) }).toEqual({
        name,
        same: false,
      });
  });

  it.each(trainingMethodNames)('%s leaves no tensor behind after its first step', (name) => {
    const { method, begin, teacher } = tiny(name, { pilotOptimizer: 'adam' });
    const counts: number[] = [];
    const inputs = Array.from({ length: 4 }, (_, step) => inputsOf(teacher, tinyTeacherWeights(), name)(step));
    train(
      method,
      begin,
      4,
      (step) => inputs[step]!,
      () => counts.push(tf.memory().numTensors),
    );
    expect(counts).toEqual(counts.map(() => counts[0]));
  });

  it.each(trainingMethodNames)('%s gives the same weights from the same seed, and others from other masks', (name) => {
    const run = (seed: number) => {
      const { method, begin, teacher } = tiny(name);
      const { state } = takeStep(method, begin, {
        ...inputsOf(teacher, tinyTeacherWeights(), name)(0),
        random: randomStream(seed, 'step', 0),
      });
      return bits((state.student ?? state.teacher)!.weights);
    };
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it.each(trainingMethodNames)('%s shows a NaN in its figures', (name) => {
    const { method, begin, teacher } = tiny(name);
    const spoilt = (learner: TrainingState['student']) =>
      learner && { ...learner, weights: mapWeights(learner.weights, (weight) => tf.mul(weight, Number.NaN)) };
    const state = {
      ...begin,
      student: spoilt(begin.student),
      teacher: begin.student ? begin.teacher : spoilt(begin.teacher),
    };
    const outcome = takeStep(method, state, inputsOf(teacher, tinyTeacherWeights(), name)(0));
    expect(figure(outcome, metricNames.trainLoss)).toBeNaN();
    expect(figure(outcome, metricNames.gradientNorm)).toBeNaN();
    if (name.startsWith('meta')) expect(figure(outcome, metricNames.quizLoss)).toBeNaN();
    if (name.startsWith('meta')) expect(figure(outcome, metricNames.metaGradientNorm)).toBeNaN();
  });

  it.each([
    ['scratch', metricNames.trainLoss, 0.5],
    ['kd', metricNames.trainLoss, 0.5],
    ['finetune', metricNames.trainLoss, 0.5],
    // Made-up hints are not all within a student's reach.
    ['pkd', metricNames.trainHint, 0.7],
    ['distilbert', metricNames.trainHint, 0.7],
    ['tinybert', metricNames.trainHint, 0.9],
    ['dixtill', metricNames.trainHint, 0.9],
  ] as const)('%s learns: its %s on a batch falls to %d of what it was', (name, watched, share) => {
    const { method, begin, teacher } = tiny(name, { studentLearningRate: 0.1, teacherLearningRate: 0.1, alpha: 0.1 });
    const inputs = inputsOf(teacher, tinyTeacherWeights(), name)(0);
    const losses: number[] = [];
    train(
      method,
      begin,
      25,
      (step) => ({ ...inputs, step, random: randomStream(0, step) }),
      (outcome) => losses.push(figure(outcome, watched)),
    );
    expect(Math.min(...losses.slice(-5))).toBeLessThan(share * losses[0]!);
  });

  it('tells how it goes: losses, norms and learning rate, all finite', () => {
    const { method, begin, teacher } = tiny('meta-full', { warmupShare: 0.1, studentLearningRate: 0.01 });
    const outcome = takeStep(method, begin, inputsOf(teacher, tinyTeacherWeights())(0));
    const found = Object.fromEntries(Object.keys(outcome.figures).map((name) => [name, figure(outcome, name)]));
    expect(Object.keys(found).sort()).toEqual(
      [
        metricNames.trainLoss,
        metricNames.trainCrossEntropy,
        metricNames.trainDistillation,
        metricNames.gradientNorm,
        metricNames.learningRate,
        metricNames.quizLoss,
        metricNames.metaGradientNorm,
      ].sort(),
    );
    expect(Object.values(found).every(Number.isFinite)).toBe(true);
    expect(found[metricNames.learningRate]).toBeCloseTo(0.001, 8); // step 1 of 10 that warm up
    expect(found[metricNames.trainLoss]).toBeCloseTo(
      (found[metricNames.trainCrossEntropy]! + found[metricNames.trainDistillation]!) / 2,
      5,
    );
  });

  it.each(['scratch', 'finetune'] as const)(
    '%s clips its gradient: with SGD the step is rate times the largest norm',
    (name) => {
      const sgd = { studentOptimizer: 'sgd', teacherOptimizer: 'sgd', teacherWeightDecay: 0 } as const;
      const rates = { studentLearningRate: 2, teacherLearningRate: 2, gradientClipping: 0.05 };
      const { method, begin, teacher } = tiny(name, { ...sgd, ...rates });
      const outcome = takeStep(method, begin, inputsOf(teacher, tinyTeacherWeights())(0));
      const [before, after] = [begin, outcome.state].map((state) => (state.student ?? state.teacher)!.weights);
      const moved = mapWeights(after!, (weight, of) => tf.sub(weight, before![of]!));
      expect(figure(outcome, metricNames.gradientNorm)).toBeGreaterThan(0.1);
      expect(globalNorm(moved).dataSync()[0]).toBeCloseTo(2 * 0.05, 4);
    },
  );

  it('refuses to be made or begun without the models it needs', () => {
    const setting = { parameters: parameters(), totalSteps, student: null, teacher: null };
    for (const name of trainingMethodNames)
      expect(() => createMethod(name, setting)).toThrow(/needs (a student|a teacher|the states)/);
    const method = createMethod('scratch', { ...setting, student: tinyStudent() });
    expect(() => method.begin({ student: null, teacher: null })).toThrow('needs student weights');
  });
});
