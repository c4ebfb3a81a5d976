import * as tf from '@tensorflow/tfjs-core';
import { parseRunSpec, type RunSpec } from '../../../contract/run-spec';
import { OutOfMemoryError, withinMemory } from '../../../trainer/evaluation/batch-memory';
import { failureOf } from '../../../trainer/run/attempt';
import { describeOnEveryEngine } from '../../testkit/engines';
import { batchOf } from '../../testkit/tiny-models';

const batch = batchOf(
  [
    [1, 5, 2],
    [1, 7, 8, 9, 2],
  ],
  [0, 1],
);

function runOf(method: string): RunSpec {
  const spec = parseRunSpec({
    runId: 'run',
    method,
    data: { train: '/train.csv', test: '/test.csv' },
    teacher: { kind: 'folder', location: '/models/big' },
    parameters: { studentUnits: 70 },
  });
  if (spec.kind === 'invalid') throw new Error(JSON.stringify(spec.problems));
  return spec.value;
}

/** A product of 256 TB: more than a process has addresses for, so that it fails on every machine. */
const tooMuch = () => tf.tidy(() => tf.matMul(tf.ones([8_000_000, 1]), tf.ones([1, 8_000_000])));

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const rethrow = (error: unknown) => () => {
  throw error;
};

describeOnEveryEngine('memory that runs out on a batch', () => {
  let thrown: Error;
  // Once: TensorFlow tries for ten seconds before it gives up.
  beforeAll(() => {
    thrown = thrownBy(() => withinMemory(batch, runOf('meta-lora'), tooMuch)) as Error;
  });

  it('is told with the size and length of the batch, the models, and what to lower', () => {
    expect(thrown).toBeInstanceOf(OutOfMemoryError);
    expect(thrown.message).toMatch(
      /training on a batch of 2 examples, the longest of 5 tokens \(teacher\) and 5 tokens \(student\), with a student of 70 units and the teacher "\/models\/big" .*smaller batchSize, maxTokens or maxWords/,
    );
    const predicting = thrownBy(() => withinMemory(batch, null, rethrow(thrown.cause))) as Error;
    expect(predicting.message).toMatch(/predicting on a batch of 2 examples.*smaller maxTokens/);
  });

  it('ends an attempt for want of resources, not as a crash', () => {
    expect(failureOf(thrown)).toMatchObject({ kind: 'resources', message: thrown.message });
    const message = expect.stringContaining('memory ran out');
    expect(failureOf(thrown.cause)).toMatchObject({ kind: 'resources', message });
  });

  it('leaves the engine able to compute', () => {
    const kept = tf.tensor2d([[1, 2, 3]]);
    expect(tf.matMul(kept, kept, false, true).dataSync()[0]).toBe(14);
  });

  it('is not what every error is', () => {
    const error = new Error('something else');
    expect(thrownBy(() => withinMemory(batch, null, rethrow(error)))).toBe(error);
  });
});
