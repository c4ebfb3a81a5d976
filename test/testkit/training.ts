import * as tf from '@tensorflow/tfjs-core';
import { type ParameterOverrides, type Parameters, parametersSchema } from '../../contract/parameters';
import type { Batch } from '../../trainer/data/batch';
import type { Method, StepInputs, StepOutcome, TrainingState } from '../../trainer/methods/method';
import { randomStream } from '../../trainer/numeric/random';
import { batchOf } from './tiny-models';

export const parameters = (overrides: ParameterOverrides = {}): Parameters => parametersSchema.parse(overrides);

/**
 * Examples of three classes that a word tells apart: words 3 to 5 stand for classes 0 to 2 among words that say nothing.
 * Every example begins with 1 and ends with 2, as for a teacher.
 */
export function wordProblem(size: number, seed: number): Batch {
  const random = randomStream(seed, 'word problem');
  const labels = Array.from({ length: size }, () => random.integerBelow(3));
  const examples = labels.map((label) => {
    const words = Array.from({ length: 1 + random.integerBelow(4) }, () => 6 + random.integerBelow(6));
    return [1, ...random.shuffle([3 + label, ...words]), 2];
  });
  return batchOf(examples, labels);
}

/** Inputs of one step; the random stream is that of (seed, step). */
export const stepInputs = (batch: Batch, more: Partial<StepInputs> = {}): StepInputs => ({
  batch,
  quiz: null,
  teacherLogits: null,
  step: 0,
  random: randomStream(0, 'step', more.step ?? 0),
  ...more,
});

/** A step as the training loop makes it, but that the old state stays. */
export const takeStep = (method: Method, state: TrainingState, inputs: StepInputs): StepOutcome =>
  tf.tidy(() => method.step(state, inputs) as unknown as tf.TensorContainer) as unknown as StepOutcome;

/** Steps in a row, each on the inputs made for it; old states go. Returns the last outcome. */
export function train(
  method: Method,
  begin: TrainingState,
  steps: number,
  inputs: (step: number) => StepInputs,
  each: (outcome: StepOutcome, step: number) => void = () => {},
): StepOutcome {
  let outcome: StepOutcome = { state: begin, figures: {} };
  for (let step = 0; step < steps; step++) {
    const { state, figures } = outcome;
    outcome = takeStep(method, state, inputs(step));
    tf.dispose([state, figures] as unknown as tf.TensorContainer);
    each(outcome, step);
  }
  return outcome;
}

/** All numbers of a set of tensors, for comparison bit by bit. */
export const bits = (weights: Readonly<Record<string, tf.Tensor>>): Record<string, number[]> =>
  Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [name, Array.from(tensor.dataSync())]));

export const figure = (outcome: StepOutcome, name: string): number => outcome.figures[name]!.dataSync()[0]!;
