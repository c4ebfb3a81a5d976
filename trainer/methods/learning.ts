import type { Scalar } from '@tensorflow/tfjs-core';
import { isLoraUp } from '../models/peft/lora';
import { clipByGlobalNorm, createOptimizer, decaysMatricesOnly, type OptimizerSettings } from '../numeric/optimizers';
import { learningRateFactor } from '../numeric/schedule';
import type { Weights } from '../numeric/weights';
import type { Learner, MethodSetting } from './method';

/** How one of the two models learns: by which optimizer, at what rate over the run, with what clipping. */
export interface LearningRule {
  begin(weights: Weights): Learner;
  /** Learning rate at a step, counted from 0. */
  learningRate(step: number): number;
  /** One optimizer step. `gradientNorm` is that of the gradient as given, before clipping. */
  advance(learner: Learner, gradients: Weights, step: number): { learner: Learner; gradientNorm: Scalar };
}

export function studentLearning({ parameters, totalSteps }: MethodSetting): LearningRule {
  return learningRule(
    { name: parameters.studentOptimizer, weightDecay: parameters.studentWeightDecay },
    (step) => parameters.studentLearningRate * learningRateFactor({ ...scheduleOf(parameters), totalSteps }, step),
    parameters.gradientClipping,
  );
}

/** @param gradientClipping largest global norm; meta methods do not clip, since their gradient's scale is arbitrary. */
export function teacherLearning(
  { parameters, totalSteps }: MethodSetting,
  gradientClipping: number | null,
): LearningRule {
  return learningRule(
    {
      name: parameters.teacherOptimizer,
      weightDecay: parameters.teacherWeightDecay,
      decays: decaysMatricesOnly,
      rateFactor: (name) => (isLoraUp(name) ? parameters.loraPlusRatio : 1),
    },
    (step) => parameters.teacherLearningRate * learningRateFactor({ ...scheduleOf(parameters), totalSteps }, step),
    gradientClipping,
  );
}

/** What a method cannot do without; its absence is a fault of the caller. */
export function present<T>(value: T | null, what: string): T {
  if (value === null) throw new Error(`this method needs ${what}, and was given none`);
  return value;
}

const scheduleOf = ({ schedule, warmupShare }: MethodSetting['parameters']) => ({ kind: schedule, warmupShare });

function learningRule(
  settings: OptimizerSettings,
  learningRate: (step: number) => number,
  gradientClipping: number | null,
): LearningRule {
  const optimizer = createOptimizer(settings);
  return {
    begin: (weights) => ({ weights, optimizer: optimizer.initialState(weights) }),
    learningRate,
    advance: (learner, gradients, step) => {
      const clipped = clipByGlobalNorm(gradients, gradientClipping);
      const next = optimizer.update(learner.weights, learner.optimizer, clipped.gradients, learningRate(step));
      return { learner: { weights: next.weights, optimizer: next.state }, gradientNorm: clipped.norm };
    },
  };
}
