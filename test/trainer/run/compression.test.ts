import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunSpecInput } from '../../../contract/run-spec';
import { float32Values, readSafetensors } from '../../../trainer/checkpoint/safetensors';
import { attemptIn, storeOf } from '../../testkit/attempts';
import { useTestFolder } from '../../testkit/test-folder';
import { tinyRun, tinyTeacher } from '../../testkit/tiny-runs';
import { outcomeOf, readResult } from '../../testkit/trainer-process';

const folder = useTestFolder();
const matrices = ['lstm.forward.weight', 'lstm.backward.weight'];

/** The stages of "kd, then prune, then recover". */
function stages(): Record<'kd' | 'prune' | 'recover', RunSpecInput> {
  const { data, execution } = tinyRun(folder.path(), 'kd');
  const parameters = { quizShare: 0.2 };
  const pruning = { ...parameters, sparsity: 0.6 };
  return {
    kd: tinyRun(folder.path(), 'kd', { runId: 'kd', parameters }),
    prune: {
      ...{ version: 2, runId: 'prune', method: 'magnitude', data, execution, parameters: pruning },
      student: { kind: 'run', runId: 'kd' },
    },
    recover: tinyRun(folder.path(), 'kd', {
      ...{ version: 2, runId: 'recover', teacher: tinyTeacher, student: { kind: 'run', runId: 'prune' }, parameters },
    }),
  };
}

function weightsOf(runId: string): Record<string, Float32Array> {
  const path = join(folder.path(), 'objects/runs', runId, 'model/student.safetensors');
  const file = readSafetensors(readFileSync(path), path);
  if (file.kind === 'invalid') throw new Error(JSON.stringify(file.problems));
  return Object.fromEntries([...file.value.tensors].map(([name, tensor]) => [name, float32Values(tensor)!]));
}

const shareOfZeros = (values: Float32Array) =>
  values.reduce((sum, value) => sum + Number(value === 0), 0) / values.length;

describe('a trained student that is pruned and trained on', () => {
  it('has 60 % zeros in its matrices, all else unchanged, and keeps them while it recovers', async () => {
    const { kd, prune, recover } = stages();
    for (const spec of [kd, prune, recover])
      expect(await attemptIn(folder.path(), spec)).toMatchObject({ outcome: 'succeeded' });

    const [before, pruned, recovered] = ['kd', 'prune', 'recover'].map(weightsOf);
    for (const [name, values] of Object.entries(pruned!)) {
      if (matrices.includes(name)) expect(shareOfZeros(values)).toBeCloseTo(0.6, 2);
      else expect(values).toEqual(before![name]);
    }
    for (const name of matrices) {
      expect(pruned![name]!.every((value, place) => value === 0 || value === before![name]![place])).toBe(true);
      expect(recovered![name]!.every((value, place) => value === 0 || pruned![name]![place] !== 0)).toBe(true);
      expect(recovered![name]).not.toEqual(pruned![name]);
    }
    const { final, selected, trainedParameters, modelFiles, notes } = readResult(folder.path(), 'prune');
    expect(final).toMatchObject({ epoch: 1, step: 1 });
    expect(final.values['model/sparsity']).toBeCloseTo(0.6, 2);
    expect(final.values['test/accuracy']).toEqual(expect.any(Number));
    expect(selected).toEqual(final);
    expect(trainedParameters).toBe(0);
    expect(notes.join()).not.toMatch(/another train file/);
    expect(modelFiles!.map(({ name }) => name)).toContain('pruning.json');
    expect(readResult(folder.path(), 'recover').final.values['model/sparsity']).toBe(final.values['model/sparsity']);
  });

  it('comes out with the same bits when it is interrupted on the way', async () => {
    const { kd, prune, recover } = stages();
    for (const spec of [kd, prune, recover]) await attemptIn(folder.path(), spec);
    for (const spec of [prune, recover]) {
      const runId = `${spec.runId}-interrupted`;
      const again = { ...spec, runId, execution: { ...spec.execution, checkpointSeconds: 0 } };
      let attempts = 0;
      for (;;) {
        const controller = new AbortController();
        // The first attempt stops while it loads; each other when it has written a new checkpoint, or evaluated an epoch.
        const last = attempts === 0 ? /attempts\/\d+\.json$/ : /checkpoints.*state\.json|predictions/;
        const objects = storeOf(folder.path());
        const stopping: typeof objects = {
          ...objects,
          write: async (key, body, options) => {
            const outcome = await objects.write(key, body, options);
            if (last.test(key)) controller.abort();
            return outcome;
          },
        };
        const { outcome } = await attemptIn(folder.path(), again, attempts < 4 ? stopping : objects, controller.signal);
        attempts++;
        if (outcome === 'succeeded') break;
        expect(outcome).toBe('interrupted');
      }
      expect(attempts).toBeGreaterThan(1);
      expect(await outcomeOf(folder.path(), runId)).toEqual(await outcomeOf(folder.path(), spec.runId));
    }
  });

  it('is refused where it has learnt dev rows of the run, or has no result', async () => {
    const { kd, prune } = stages();
    await attemptIn(folder.path(), kd);
    const otherwise = { ...prune, parameters: { quizShare: 0.2, splitSeed: 9 } };
    expect(await attemptIn(folder.path(), otherwise)).toMatchObject({
      outcome: 'failed',
      problems: [
        { path: 'student.runId', message: expect.stringContaining('dev rows were train rows of the student') },
      ],
    });
    const missing = { ...prune, runId: 'missing', student: { kind: 'run' as const, runId: 'nobody' } };
    expect(await attemptIn(folder.path(), missing)).toMatchObject({
      outcome: 'failed',
      problems: [{ path: 'student.runId', message: expect.stringContaining('has no result') }],
    });
  });
});

it('a transformer is pruned as the student of a run, and teaches as the teacher of another', async () => {
  const { data, execution } = tinyRun(folder.path(), 'finetune');
  const finetune = tinyRun(folder.path(), 'finetune', { runId: 'finetune', parameters: { epochs: 1 } });
  const prune: RunSpecInput = {
    ...{ version: 2, runId: 'prune', method: 'magnitude', data, execution, parameters: { pruningScope: '2:4' } },
    student: { kind: 'run', runId: 'finetune' },
  };
  const kd = tinyRun(folder.path(), 'kd', {
    ...{ version: 2, runId: 'kd', student: { kind: 'bilstm' }, teacher: { kind: 'run', runId: 'prune' } },
    parameters: { epochs: 1 },
  });
  const transformerStudent = tinyRun(folder.path(), 'kd', {
    ...{ version: 2, runId: 'transformer', student: tinyTeacher, teacher: { kind: 'run', runId: 'kd' } },
    parameters: { epochs: 1 },
  });
  for (const spec of [finetune, prune, kd, transformerStudent])
    expect([spec.runId, await attemptIn(folder.path(), spec)]).toMatchObject([spec.runId, { outcome: 'succeeded' }]);
  expect(readResult(folder.path(), 'prune').final.values['model/sparsity']).toBe(0.5);
});
