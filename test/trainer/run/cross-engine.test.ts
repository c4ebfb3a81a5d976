import * as tf from '@tensorflow/tfjs-core';
import { createMethod } from '../../../trainer/methods';
import { initialiseLora } from '../../../trainer/models/peft/lora';
import { transformerLayers } from '../../../trainer/models/transformer/architecture';
import { loadTransformer } from '../../../trainer/models/transformer/folder';
import { transformerLogits } from '../../../trainer/models/transformer/forward';
import { valueAndGradients } from '../../../trainer/numeric/gradients';
import { randomStream } from '../../../trainer/numeric/random';
import type { Weights } from '../../../trainer/numeric/weights';
import { availableEngines, type EngineName, useEngine } from '../../testkit/engines';
import { describeWithRealData, realData } from '../../testkit/real-data';
import { largestDifference, redrawn } from '../../testkit/tensors';
import { tinyBert, tinyStudent, tinyStudentWeights, tinyTeacher, tinyTeacherWeights } from '../../testkit/tiny-models';
import { bits, parameters, stepInputs, train, wordProblem } from '../../testkit/training';

type Numbers = Record<string, number[]>;

const describeOnBoth = availableEngines().includes('native') ? describe : describe.skip;
const reason = availableEngines().includes('native') ? '' : ' (native not installed, run `npm run engine`)';

/** What both engines make of the same work. */
async function onBoth(work: () => Numbers | Promise<Numbers>): Promise<[Numbers, Numbers]> {
  const on = async (engine: EngineName) => {
    await useEngine(engine);
    tf.engine().startScope();
    const numbers = await work();
    tf.engine().endScope();
    return numbers;
  };
  return [await on('portable'), await on('native')];
}

/**
 * Largest difference of any tensor, in relation to the largest number of that tensor, or to 0.01 where that is smaller.
 * Left out is what keys are shifted by: softmax does not see it, so its gradient is nothing but rounding, along which
 * Adam takes whole steps.
 */
function relativeDifference([portable, native]: [Numbers, Numbers]): number {
  expect(Object.keys(native)).toEqual(Object.keys(portable));
  const names = Object.keys(portable).filter((name) => !name.endsWith('key.bias'));
  const differences = names.map((name) => {
    const largest = portable[name]!.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
    return largestDifference(portable[name]!, native[name]!) / largest;
  });
  return Math.max(...differences);
}

const loss = (logits: tf.Tensor): tf.Scalar => tf.mean(tf.square(logits));

describeOnBoth(`portable and native agree${reason}`, () => {
  it('on logits and gradients of teacher and student, to 1e-5 of the largest number of a tensor', async () => {
    const batch = wordProblem(8, 1);
    const both = await onBoth(() => {
      const [teacher, student] = [tinyTeacherWeights(), tinyStudentWeights()];
      const [teacherLogits, studentLogits] = [tinyTeacher()(batch, null), tinyStudent()(batch, null)];
      return {
        ...bits({ teacher: teacherLogits(teacher), student: studentLogits(student) }),
        ...bits(valueAndGradients((weights) => loss(teacherLogits(weights)), teacher).gradients),
        ...bits(valueAndGradients((weights) => loss(studentLogits(weights)), student).gradients),
      };
    });

    expect(relativeDifference(both)).toBeLessThan(1e-5);
  });

  it.each(['meta-lora', 'scratch', 'finetune'] as const)(
    'on the weights after an epoch of %s, 24 steps with dropout, to 2e-5 of the largest of a tensor',
    async (name) => {
      const batches = Array.from({ length: 24 }, (_, index) => wordProblem(8, index));
      const both = await onBoth(() => {
        const frozen = tinyTeacherWeights();
        const settings = { rank: 2, alpha: 2, targets: ['query', 'value'] as const, layers: null };
        const lora = redrawn(
          initialiseLora(transformerLayers(tinyBert), { ...settings, targets: ['query', 'value'] }, randomStream(0)),
          0.3,
        );
        const method = createMethod(name, {
          parameters: parameters({ teacherLearningRate: 1e-3, studentLearningRate: 1e-2 }),
          totalSteps: batches.length,
          student: tinyStudent(0.1),
          teacher: tinyTeacher(name === 'finetune' ? {} : frozen),
        });
        const learning = name === 'finetune' ? frozen : lora;
        const begin = method.begin({ student: tinyStudentWeights(), teacher: learning });
        const { state } = train(method, begin, batches.length, (step) =>
          stepInputs(batches[step]!, { step, quiz: wordProblem(8, 100 + step) }),
        );
        return { ...bits(state.student?.weights ?? {}), ...bits(state.teacher?.weights ?? {}) };
      });

      expect(relativeDifference(both)).toBeLessThan(2e-5);
    },
  );
});

describeWithRealData('portable and native agree on a real encoder', () => {
  const test = availableEngines().includes('native') ? it : it.skip;
  test(`to 1e-5 in the logits and 2e-5 in the gradients of LoRA${reason}`, async () => {
    const tokens = {
      ids: Int32Array.from([101, 3745, 3428, 2991, 102, 101, 5618, 3445, 2153, 2004, 5366, 4608, 102]),
      lengths: Int32Array.from([5, 8]),
    };
    const both = await onBoth(async () => {
      const teacher = await loadTransformer(realData.minilm, ['a', 'b', 'c'], randomStream(0));
      if (teacher.kind === 'invalid') throw new Error(JSON.stringify(teacher.problems));
      const { weights, config } = teacher.value;
      const settings = { rank: 4, alpha: 4, targets: ['query', 'key', 'value'] as const, layers: null };
      const lora: Weights = redrawn(initialiseLora(transformerLayers(config), settings, randomStream(0)), 0.05);
      const logits = (learnt: Weights) =>
        transformerLogits({ ...weights, ...learnt }, config, tokens, { loraScale: 1 });
      return {
        logits: [...logits(lora).dataSync()],
        ...bits(valueAndGradients((learnt) => loss(logits(learnt)), lora).gradients),
      };
    });

    const [{ logits: portable, ...portableGradients }, { logits: native, ...nativeGradients }] = both;
    expect(relativeDifference([{ logits: portable! }, { logits: native! }])).toBeLessThan(1e-5);
    expect(relativeDifference([portableGradients as Numbers, nativeGradients as Numbers])).toBeLessThan(2e-5);
  });
});
