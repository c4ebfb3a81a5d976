import * as tf from '@tensorflow/tfjs-core';
import { teacherLearning } from '../../../trainer/methods/learning';
import { describeOnEveryEngine } from '../../testkit/engines';
import { parameters } from '../../testkit/training';

describeOnEveryEngine("the teacher's learning rule", () => {
  it('of LoRA+ multiplies the learning rate of B, and of B alone', () => {
    const rate = 0.125;
    const rule = teacherLearning(
      {
        parameters: parameters({
          teacherOptimizer: 'sgd',
          teacherLearningRate: rate,
          teacherWeightDecay: 0,
          loraPlusRatio: 4,
          schedule: 'constant',
          warmupShare: 0,
        }),
        totalSteps: 10,
        student: null,
        teacher: null,
      },
      null,
    );
    const weights = { 'query.lora_A': tf.tensor2d([[1, 2]]), 'query.lora_B': tf.tensor2d([[1], [2]]) };
    const gradients = { 'query.lora_A': tf.tensor2d([[0.5, -1]]), 'query.lora_B': tf.tensor2d([[0.25], [-2]]) };

    const { learner } = rule.advance(rule.begin(weights), gradients, 0);

    expect(Array.from(learner.weights['query.lora_A']!.dataSync())).toEqual([1 - 0.5 * rate, 2 + rate]);
    expect(Array.from(learner.weights['query.lora_B']!.dataSync())).toEqual([1 - 0.25 * 4 * rate, 2 + 2 * 4 * rate]);
  });
});
