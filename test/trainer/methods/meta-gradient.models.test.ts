import * as tf from '@tensorflow/tfjs-core';
import { type Distillation, distillationOf } from '../../../trainer/losses';
import { metaGradient } from '../../../trainer/methods/meta-gradient';
import { inputsOf } from '../../../trainer/models/model';
import { initialiseLora } from '../../../trainer/models/peft/lora';
import { transformerLayers } from '../../../trainer/models/transformer/architecture';
import { withPullback } from '../../../trainer/numeric/gradients';
import { randomStream } from '../../../trainer/numeric/random';
import type { Weights } from '../../../trainer/numeric/weights';
import { describeOnEveryEngine } from '../../testkit/engines';
import * as float64 from '../../testkit/float64';
import { type NaiveWeights, naiveBert, naiveBilstm } from '../../testkit/naive-models';
import { redrawn, toFloat64 } from '../../testkit/tensors';
import {
  batchOf,
  examplesOf,
  tinyBert,
  tinyStudent,
  tinyStudentWeights,
  tinyTeacher,
  tinyTeacherWeights,
} from '../../testkit/tiny-models';
import { parameters } from '../../testkit/training';

const batch = batchOf(
  [
    [2, 5, 7, 3],
    [2, 9, 3],
    [2, 4, 11, 6, 3],
  ],
  [0, 2, 1],
);
const quiz = batchOf(
  [
    [2, 7, 5, 3],
    [6, 4],
    [9, 11, 2],
  ],
  [1, 0, 2],
);
const learningRate = 0.5;
const distillation: Distillation = distillationOf(parameters({ loss: 'kl', alpha: 0.7, temperature: 2 }));

/** The gradient of the quiz loss with respect to the learning weights of the teacher, as training computes it. */
function computed(frozen: Weights, learning: Weights): Weights {
  const student = tinyStudent();
  return withPullback(tinyTeacher(frozen)(batch, null), learning, (logits) => {
    const { gradient } = metaGradient(
      {
        student: student(batch, null),
        studentOnQuiz: student(quiz, null),
        weights: tinyStudentWeights(),
        labels: tf.tensor1d(batch.labels, 'int32'),
        quizLabels: tf.tensor1d(quiz.labels, 'int32'),
        distillation,
        pilot: { optimizer: 'sgd', learningRate },
        pilotState: null,
      },
      logits,
    );
    return { seed: gradient };
  }).gradients;
}

// ---- The same in float64, by differences throughout: models from loops, gradients of the student's loss by central
// differences over all its weights, and the quiz loss after the pilot update by central differences over the teacher's.

const difference = (values: Float64Array, index: number, step: number, f: () => number): number => {
  const before = values[index]!;
  values[index] = before + step;
  const ahead = f();
  values[index] = before - step;
  const behind = f();
  values[index] = before;
  return (ahead - behind) / (2 * step);
};

function quizLossInFloat64(studentWeights: NaiveWeights, teacherWeights: NaiveWeights): number {
  const [words, quizWords] = [batch, quiz].map((of) => examplesOf(inputsOf(of, 'student'))) as [number[][], number[][]];
  const teacherLogits = words.map((ids) => naiveBert(teacherWeights, tinyBert, ids));
  const loss = () =>
    float64.studentLoss(
      distillation,
      float64.matrix(words.map((ids) => naiveBilstm(studentWeights, ids))),
      float64.matrix(teacherLogits),
      [...batch.labels],
    ).value;
  const updated = Object.fromEntries(
    Object.entries(studentWeights).map(([name, { shape, values }]) => [
      name,
      { shape, values: values.map((theta, i) => theta - learningRate * difference(values, i, 1e-5, loss)) },
    ]),
  );
  const logits = quizWords.map((ids) => naiveBilstm(updated, ids));
  return float64.crossEntropy(float64.matrix(logits), [...quiz.labels]).value;
}

/** Relative error over the first entries of the named weights. */
function errorOn(frozen: Weights, learning: Weights, names: string[], entries: number): number {
  const gradients = computed(frozen, learning);
  const studentWeights = toFloat64(tinyStudentWeights());
  const teacherWeights = toFloat64({ ...frozen, ...learning });
  const quizLoss = () => quizLossInFloat64(studentWeights, teacherWeights);
  const chosen = names.flatMap((name) => Array.from({ length: entries }, (_, index) => ({ name, index })));
  const found = chosen.map(({ name, index }) => gradients[name]!.dataSync()[index]!);
  const expected = chosen.map(({ name, index }) => difference(teacherWeights[name]!.values, index, 1e-3, quizLoss));
  return float64.relativeError(found, expected);
}

describeOnEveryEngine('the meta-gradient of a BiLSTM taught by a BERT', () => {
  it('is that of the unrolled objective in float64 for every kind of teacher weight', () => {
    const names = [
      'classifier.weight',
      'pooler.dense.bias',
      'encoder.layer.1.output.LayerNorm.weight',
      'encoder.layer.0.intermediate.dense.weight',
      'encoder.layer.0.attention.self.key.weight',
    ];
    expect(errorOn({}, tinyTeacherWeights(), names, 2)).toBeLessThan(3e-4);
  });

  it('is that of the unrolled objective in float64 for LoRA matrices', () => {
    const settings = { rank: 1, alpha: 1, targets: ['query', 'value'] as const, layers: [1] };
    const lora = redrawn(initialiseLora(transformerLayers(tinyBert), settings, randomStream(0)), 0.5);
    expect(errorOn(tinyTeacherWeights(), lora, Object.keys(lora), 2)).toBeLessThan(3e-4);
  });
});
