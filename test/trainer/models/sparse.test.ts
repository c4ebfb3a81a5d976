import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { createMethod } from '../../../trainer/methods';
import { inputsOf } from '../../../trainer/models/model';
import { keepZeros } from '../../../trainer/models/sparse';
import { bilstmModel } from '../../../trainer/models/word/model';
import { mapWeights } from '../../../trainer/numeric/optimizers';
import type { Weights } from '../../../trainer/numeric/weights';
import { describeOnEveryEngine } from '../../testkit/engines';
import { seeded } from '../../testkit/seed';
import { tinyStudentWeights, tinyTeacher, tinyTeacherWeights } from '../../testkit/tiny-models';
import { parameters, stepInputs, train, wordProblem } from '../../testkit/training';

const dense = bilstmModel({
  config: { units: 2, embedding: 2, classes: 3 },
  classes: ['a', 'b', 'c'],
  vocabulary: Array.from({ length: 12 }, (_, id) => `word${id}`),
  parameters: { preprocessing: 'none', maxWords: 3 },
  dropoutRate: 0.2,
});
const sparseMatrices = ['lstm.forward.weight', 'lstm.backward.weight'];

/** Weights of which the given share of the two LSTM matrices is 0. */
function withZeros(share: number): Weights {
  return mapWeights(tinyStudentWeights(), (weight, name) => {
    if (!sparseMatrices.includes(name)) return weight;
    const values = weight.dataSync().map((value, place) => ((place * 7) % 10 < share * 10 ? 0 : value));
    return tf.tensor(values, weight.shape);
  });
}

const isZero = (weight: tf.Tensor) => [...weight.dataSync()].map((value) => value === 0);

describeOnEveryEngine('a pruned model', () => {
  it('never has a weight come back to life, whatever trains it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('scratch', 'kd', 'meta-full', 'mpl'),
        fc.constantFrom('sgd', 'rmsprop', 'adam', 'adamw'),
        fc.constantFrom('sgd', 'rmsprop', 'adam'),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(0, 0.1),
        (name, studentOptimizer, pilotOptimizer, share, studentWeightDecay) => {
          tf.tidy(() => {
            const weights = withZeros(share);
            const before = Object.fromEntries(sparseMatrices.map((matrix) => [matrix, isZero(weights[matrix]!)]));
            const bias = [...weights['dense.bias']!.dataSync()];
            const model = keepZeros(dense, weights, sparseMatrices);
            const teacher = tinyTeacher({});
            const method = createMethod(name as 'scratch', {
              parameters: parameters({
                studentOptimizer,
                pilotOptimizer,
                studentWeightDecay,
                studentLearningRate: 0.05,
              }),
              totalSteps: 10,
              student: (batch, dropout) => model.logits(inputsOf(batch, 'student'), { dropout }),
              teacher,
            });
            const begin = method.begin({ student: weights, teacher: tinyTeacherWeights() });
            const after = train(method, begin, 3, (step) => {
              const batch = wordProblem(8, step);
              const teacherLogits = teacher(batch, null)(tinyTeacherWeights());
              return stepInputs(batch, { step, quiz: wordProblem(6, 1000 + step), teacherLogits });
            });
            const learnt = after.state.student!.weights;
            for (const matrix of sparseMatrices) {
              const zeros = isZero(learnt[matrix]!);
              expect(before[matrix]!.every((wasZero, place) => !wasZero || zeros[place])).toBe(true);
            }
            expect([...learnt['dense.bias']!.dataSync()]).not.toEqual(bias);
          });
        },
      ),
      { ...seeded(), numRuns: 25 },
    );
  });

  it('computes what the model without a mask computes from its weights', () => {
    const weights = withZeros(0.5);
    const inputs = { ids: Int32Array.of(3, 5, 4, 7), lengths: Int32Array.of(3, 1) };
    const logits = (model: typeof dense) => [...model.logits(inputs, { dropout: null })(weights).dataSync()];
    expect(logits(keepZeros(dense, weights, sparseMatrices))).toEqual(logits(dense));
  });
});
