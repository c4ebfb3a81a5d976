import * as tf from '@tensorflow/tfjs-core';
import { parseRunSpec } from '../../../contract/run-spec';
import type { Batch } from '../../../trainer/data/batch';
import { buildTeacher, type RunModel } from '../../../trainer/inputs/run-model';
import { valueAndGradients } from '../../../trainer/numeric/gradients';
import type { Weights } from '../../../trainer/numeric/weights';
import { hiddenStateCache } from '../../../trainer/teacher/hidden-states';
import type { Sequences } from '../../../trainer/tokenizers/sequences';
import { describeOnEveryEngine } from '../../testkit/engines';
import { largestDifference, redrawn } from '../../testkit/tensors';

const sequences = (lists: number[][]): Sequences => ({
  ids: Int32Array.from(lists.flat()),
  lengths: Int32Array.from(lists, ({ length }) => length),
});
const never = new AbortController().signal;
const [first, second, third] = [
  [2, 5, 6, 7, 3],
  [2, 6, 3],
  [2, 7, 7, 3],
] as const satisfies number[][];

const batch = (lists: number[][]): Batch => ({
  rows: Int32Array.from(lists, (_, row) => row),
  labels: new Int32Array(lists.length),
  inputs: { student: null, teacher: sequences(lists) },
});

/** A random teacher of three layers, of which something learns in the layers given and is no longer without effect. */
async function partlyTrainedTeacher(
  loraLayers: number[] | null,
  { method = 'meta-lora', teacherDropout = 0.1, peft = 'lora' } = {},
) {
  const spec = parseRunSpec({
    runId: 'run',
    method,
    data: { train: '/train.csv', test: '/test.csv' },
    teacher: { kind: 'random', layers: 3, hidden: 8, heads: 2, intermediate: 12 },
    parameters: { peft, loraLayers, loraRank: 2, adapterSize: 2, minWordCount: 1, teacherDropout },
  });
  if (spec.kind === 'invalid') throw new Error(JSON.stringify(spec.problems));
  const teacher = await buildTeacher(
    spec.value,
    { files: null, vectorsFile: null },
    ['no', 'yes'],
    ['profits fall and rise again'],
  );
  if (teacher.kind === 'invalid') throw new Error(JSON.stringify(teacher.problems));
  return { ...teacher.value, learning: redrawn(teacher.value.learning, 0.5) };
}

function logitsAndGradients({ classifier, learning }: RunModel): { logits: tf.Tensor; gradients: Weights } {
  const logits = classifier(batch([first, second]), null);
  const { gradients } = valueAndGradients((weights) => tf.sum(tf.square(logits(weights))), learning);
  return { logits: logits(learning), gradients };
}

describeOnEveryEngine("a teacher's hidden states below the lowest layer that learns", () => {
  it.each([
    [[1, 2], 'lora'],
    [[2], 'lora'],
    [[2], 'dora'],
    [[2], 'bitfit'],
    [[2], 'adapters'],
    [[2], 'prefix'],
  ])('give the logits and gradients of the whole, layers %j, %s', async (layers, peft) => {
    const teacher = await partlyTrainedTeacher(layers, { peft });
    const whole = logitsAndGradients(teacher);

    // Kept in other batches than they are asked for in.
    await teacher.hiddenStates!.keep([sequences([third, first]), sequences([second])], never);
    const continued = logitsAndGradients(teacher);

    expect(teacher.hiddenStates!.layer).toBe(layers[0]);
    expect(largestDifference(continued.logits, whole.logits)).toBeLessThan(1e-6);
    for (const [name, gradient] of Object.entries(whole.gradients)) {
      const scale = tf.max(tf.abs(gradient)).dataSync()[0]!;
      // Biases of keys change no softmax.
      if (!name.endsWith('key.bias')) expect(scale).toBeGreaterThan(0);
      expect(largestDifference(continued.gradients[name]!, gradient)).toBeLessThan(2e-6 * Math.max(1, scale));
    }
  });

  it('spare the layers below: their weights are not needed any more', async () => {
    const teacher = await partlyTrainedTeacher([2]);
    const before = [...logitsAndGradients(teacher).logits.dataSync()];
    await teacher.hiddenStates!.keep([sequences([first, second])], never);

    for (const [name, weight] of Object.entries(teacher.frozen))
      if (/^(embeddings|encoder\.layer\.[01])\./.test(name)) weight.dispose();

    expect(largestDifference(logitsAndGradients(teacher).logits, before)).toBeLessThan(1e-6);
  });

  it('are not kept where something learns in the first layer, or dropout makes them anew at every step', async () => {
    expect((await partlyTrainedTeacher(null)).hiddenStates).toBeNull();
    expect((await partlyTrainedTeacher([0, 2])).hiddenStates).toBeNull();
    expect((await partlyTrainedTeacher([2], { method: 'finetune-lora' })).hiddenStates).toBeNull();
    expect(
      (await partlyTrainedTeacher([2], { method: 'finetune-lora', teacherDropout: 0 })).hiddenStates,
    ).not.toBeNull();
  });
});

describeOnEveryEngine('a cache of hidden states', () => {
  /** States (id, 10 id): known without computing. */
  const compute = ({ ids }: Sequences) => tf.tensor2d(Array.from(ids, (id) => [id, 10 * id]));

  it('answers for sequences that it keeps, in any composition, and for no other', async () => {
    const cache = hiddenStateCache(1, 2, compute);
    expect(cache.of(sequences([second]))).toBeNull();

    expect(await cache.keep([sequences([first, second])], never)).toBe('kept');

    expect(cache.of(sequences([second, first, second]))!.arraySync()).toEqual(
      [...second, ...first, ...second].map((id) => [id, 10 * id]),
    );
    expect(cache.of(sequences([first, third]))).toBeNull();
    // The same ids, cut elsewhere.
    expect(cache.of(sequences([[2, 5], [6, 7, 3]]))).toBeNull(); // biome-ignore format: two sequences
  });

  it('keeps nothing where all would not fit, and stops when asked', async () => {
    const bytes = (first.length + second.length) * 2 * 4;
    const small = hiddenStateCache(1, 2, compute, bytes - 1);
    expect(await small.keep([sequences([first]), sequences([second])], never)).toBe('too-large');
    expect(small.of(sequences([first]))).toBeNull();
    expect(await hiddenStateCache(1, 2, compute, bytes).keep([sequences([first, second])], never)).toBe('kept');
    expect(await hiddenStateCache(1, 2, compute).keep([sequences([first])], AbortSignal.abort())).toBe('interrupted');
  });
});
