import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../../contract/metric-names';
import type { ParameterOverrides } from '../../../contract/parameters';
import { crossEntropy } from '../../../trainer/losses';
import { createMethod } from '../../../trainer/methods';
import type { Classifier } from '../../../trainer/models/model';
import { globalNorm, mapWeights } from '../../../trainer/numeric/optimizers';
import type { Weights } from '../../../trainer/numeric/weights';
import { describeOnEveryEngine } from '../../testkit/engines';
import { tinyStudent, tinyStudentWeights, tinyTeacher, tinyTeacherWeights } from '../../testkit/tiny-models';
import { figure, parameters, stepInputs, takeStep, wordProblem } from '../../testkit/training';

const student = tinyStudent(0.1);
const teacher = tinyTeacher();

function metaFull(
  overrides: ParameterOverrides,
  models: { student: Classifier; teacher: Classifier } = { student, teacher },
) {
  const method = createMethod('meta-full', { parameters: parameters(overrides), totalSteps: 100, ...models });
  return { method, begin: () => method.begin({ student: tinyStudentWeights(), teacher: tinyTeacherWeights() }) };
}

/** A classifier that counts its forward passes. */
function counted(classifier: Classifier): { classifier: Classifier; calls: () => number } {
  let calls = 0;
  return {
    classifier: (batch, dropout) => {
      const logits = classifier(batch, dropout);
      return (weights) => {
        calls++;
        return logits(weights);
      };
    },
    calls: () => calls,
  };
}

const squaredNorm = (weights: Weights): number => globalNorm(weights).dataSync()[0]! ** 2;

describeOnEveryEngine('meta-distillation', () => {
  it('lowers the quiz loss of the pilot by what the gradient promises: learning rate times |gradient|²', () => {
    const { method, begin } = metaFull({
      teacherOptimizer: 'sgd',
      teacherWeightDecay: 0,
      teacherLearningRate: 0.3,
      normaliseMetaGradient: false,
      pilotLearningRate: 1,
      alpha: 1,
    });
    const inputs = stepInputs(wordProblem(8, 1), { quiz: wordProblem(8, 2) });
    const state = begin();
    const first = takeStep(method, state, inputs);
    const updated = first.state.teacher!;
    const moved = mapWeights(updated.weights, (weight, name) => tf.sub(weight, state.teacher!.weights[name]!));
    const promised = squaredNorm(moved) / 0.3;
    const again = takeStep(method, { ...state, teacher: updated }, inputs);
    const lowered = figure(first, metricNames.quizLoss) - figure(again, metricNames.quizLoss);
    expect(promised).toBeGreaterThan(1e-4);
    expect(lowered / promised).toBeGreaterThan(0.9);
    expect(lowered / promised).toBeLessThan(1.1);
  });

  // A pilot of the student's own optimizer and rate, no dropout: the student's step is then the one the teacher learned
  // to improve. Teachers are random, so a plain distillation step is as likely to harm as to help.
  it('leaves the student of a bad teacher with a lower quiz loss than a plain step does, for each of six seeds', () => {
    const steady = tinyStudent(0);
    for (let seed = 0; seed < 6; seed++) {
      const quiz = wordProblem(16, 1000 + seed);
      const batch = wordProblem(16, seed);
      const weights = {
        student: mapWeights(tinyStudentWeights(), (weight) => tf.mul(weight, 0.5 + 0.1 * seed)),
        teacher: mapWeights(tinyTeacherWeights(), (weight) => tf.mul(weight, 0.6 + 0.08 * seed)),
      };
      const teacherLogits = teacher(batch, null)(weights.teacher);
      const quizLossAfter = (name: 'kd' | 'meta-full') => {
        const method = createMethod(name, {
          parameters: parameters({
            alpha: 0.9,
            studentOptimizer: 'sgd',
            studentLearningRate: 0.5,
            gradientClipping: null,
            pilotLearningRate: 0.5,
            teacherLearningRate: 0.01,
          }),
          totalSteps: 1,
          student: steady,
          teacher,
        });
        const { state } = takeStep(method, method.begin(weights), stepInputs(batch, { quiz, teacherLogits }));
        const logits = steady(quiz, null)(state.student!.weights);
        return crossEntropy(logits, tf.tensor1d(quiz.labels, 'int32')).value.dataSync()[0]!;
      };
      const gain = quizLossAfter('kd') - quizLossAfter('meta-full');
      expect({ seed, gains: gain > 1e-3 }).toEqual({ seed, gains: true }); // 0.003 to 0.013 when written
    }
  });

  it('runs the teacher forward twice a step and the student five times', () => {
    const counts = { student: counted(student), teacher: counted(teacher) };
    const { method, begin } = metaFull({}, { student: counts.student.classifier, teacher: counts.teacher.classifier });
    takeStep(method, begin(), stepInputs(wordProblem(4, 1), { quiz: wordProblem(4, 2) }));
    expect(counts.teacher.calls()).toBe(2);
    expect(counts.student.calls()).toBe(5); // pilot, quiz, two of the central difference, the real step
  });

  it('keeps the moments of an adaptive pilot from step to step, and none of plain SGD', () => {
    const inputs = stepInputs(wordProblem(4, 1), { quiz: wordProblem(4, 2) });
    expect(metaFull({}).begin().pilot).toBeNull();
    const { method, begin } = metaFull({ pilotOptimizer: 'adam' });
    const first = takeStep(method, begin(), inputs);
    const second = takeStep(method, first.state, inputs);
    expect(second.state.pilot!.step).toBe(2);
    expect(Object.keys(second.state.pilot!.slots)).toEqual(['meanGradient', 'meanSquare']);
    expect(squaredNorm(second.state.pilot!.slots.meanGradient!)).toBeGreaterThan(0);
  });

  it('logs the norm of the meta-gradient before it is normalised, and normalising leaves the direction', () => {
    const inputs = stepInputs(wordProblem(8, 1), { quiz: wordProblem(8, 2) });
    const sgd = { teacherOptimizer: 'sgd', teacherWeightDecay: 0, teacherLearningRate: 1 } as const;
    const movedBy = (normaliseMetaGradient: boolean) => {
      const { method, begin } = metaFull({ ...sgd, normaliseMetaGradient });
      const state = begin();
      const outcome = takeStep(method, state, inputs);
      const moved = mapWeights(outcome.state.teacher!.weights, (w, name) => tf.sub(w, state.teacher!.weights[name]!));
      return {
        norm: figure(outcome, metricNames.metaGradientNorm),
        moved: Array.from(moved['classifier.weight']!.dataSync()),
      };
    };
    const [plain, normalised] = [movedBy(false), movedBy(true)];
    expect(plain.norm).toBe(normalised.norm);
    plain.moved.forEach((value, index) => {
      expect(Math.abs(value / plain.norm - normalised.moved[index]!)).toBeLessThan(1e-3);
    });
  });
});
