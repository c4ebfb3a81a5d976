import type { Parameters } from '../../../contract/parameters';
import { readHistory } from '../../../trainer/records/history';
import { attemptIn, storeOf } from '../../testkit/attempts';
import { useTestFolder } from '../../testkit/test-folder';
import { tinyRun } from '../../testkit/tiny-runs';
import { outcomeOf, readResult } from '../../testkit/trainer-process';

const folder = useTestFolder();
const kinds = ['lora', 'dora', 'bitfit', 'adapters', 'prefix'] as const satisfies Parameters['peft'][];
const settings = { adapterSize: 3, prefixLength: 2, teacherLearningRate: 0.02 };
/** What learns in the one layer of the teacher, 8 wide with 16 between, at rank 2. */
const counts: Record<(typeof kinds)[number], number> = {
  lora: 3 * 2 * (8 + 8),
  dora: 3 * 2 * (8 + 8) + 3 * 8,
  bitfit: 7 * 8 + 16,
  adapters: 2 * (3 * 8 + 3 + 8 * 3 + 8),
  prefix: 2 * 2 * 8,
};
const headSize = (classes: number) => 8 * 8 + 8 + classes * 8 + classes;

describe.each(kinds)('a teacher fine-tuned with peft "%s"', (peft) => {
  const finetune = () =>
    tinyRun(folder.path(), 'finetune-lora', { runId: 'teacher', parameters: { peft, ...settings, loraPlusRatio: 4 } });
  const teacher = { kind: 'run', runId: 'teacher' } as const;

  it('is the same teacher to the runs that take it', async () => {
    await attemptIn(folder.path(), finetune());
    await attemptIn(folder.path(), tinyRun(folder.path(), 'kd', { teacher, parameters: { epochs: 1 } }));
    await attemptIn(
      folder.path(),
      tinyRun(folder.path(), 'meta-lora', { teacher, parameters: { epochs: 1, peft, ...settings } }),
    );

    const { selected, trainedParameters, classes } = readResult(folder.path(), 'teacher');
    expect(trainedParameters).toBe(counts[peft] + headSize(classes.length));
    for (const runId of ['kd', 'meta-lora']) {
      const [before] = await readHistory(storeOf(folder.path()), runId);
      expect(before?.epoch).toBe(0);
      expect(before?.values['teacher/test/accuracy']).toBe(selected.values['test/accuracy']);
      expect(before?.values['teacher/test/loss']).toBeCloseTo(selected.values['test/loss']!, 5);
    }
    const meta = readResult(folder.path(), 'meta-lora');
    expect(meta.trainedParameters - readResult(folder.path(), 'kd').trainedParameters).toBe(counts[peft]);
    expect(meta.final.values['teacher/test/loss']).not.toBe(selected.values['test/loss']);
  });

  it('stopped half way and continued ends with the same bits, as does a student it teaches by meta-distillation', async () => {
    const runs = [
      finetune(),
      tinyRun(folder.path(), 'meta-lora', { parameters: { peft, ...settings, loraPlusRatio: 4 } }),
    ];
    for (const spec of runs) {
      await attemptIn(folder.path(), { ...spec, runId: `${spec.runId}-whole` });
      const stopped = { ...spec, runId: `${spec.runId}-stopped` };
      const controller = new AbortController();
      const watch = { record: ({ scope }: { scope: string }) => scope === 'step' && controller.abort() };
      const first = await attemptIn(folder.path(), stopped, storeOf(folder.path()), controller.signal, watch);
      expect(first).toMatchObject({ outcome: 'interrupted', step: 3 });
      expect(await attemptIn(folder.path(), stopped)).toMatchObject({ outcome: 'succeeded' });
      expect(await outcomeOf(folder.path(), stopped.runId)).toEqual(
        await outcomeOf(folder.path(), `${spec.runId}-whole`),
      );
    }
  });
});

it('a teacher with adapters is refused where others would be added', async () => {
  const base = { peft: 'adapters', ...settings } as const;
  await attemptIn(folder.path(), tinyRun(folder.path(), 'finetune-lora', { runId: 'teacher', parameters: base }));
  const other = tinyRun(folder.path(), 'meta-lora', {
    teacher: { kind: 'run', runId: 'teacher' },
    parameters: { ...base, adapterSize: 5 },
  });

  expect(await attemptIn(folder.path(), other)).toMatchObject({
    outcome: 'failed',
    problems: [
      {
        path: 'parameters.peft',
        message: expect.stringContaining('has adapters of size 3 in layers 0 already, not of size 5 in layers 0'),
      },
    ],
  });
});

it('new prefixes in a meta step are told of in the result', async () => {
  await attemptIn(folder.path(), tinyRun(folder.path(), 'meta-lora', { parameters: { peft: 'prefix', epochs: 1 } }));
  expect(readResult(folder.path(), 'meta-lora').notes).toContainEqual(
    expect.stringContaining('new prefixes changed the teacher before they had learnt'),
  );
});
