import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { modelKey } from '../../../contract/keys';
import type { MethodName } from '../../../contract/methods';
import { scoreName } from '../../../contract/metric-names';
import type { ObjectStore } from '../../../contract/objects/object-store';
import type { AttemptEnd } from '../../../contract/records';
import type { RunSpecInput } from '../../../contract/run-spec';
import { readNewestCheckpoint } from '../../../trainer/checkpoint/checkpoint';
import { readHistory } from '../../../trainer/records/history';
import { attemptIn, storeOf } from '../../testkit/attempts';
import { useTestFolder } from '../../testkit/test-folder';
import { tinyRun, tinyTeacher } from '../../testkit/tiny-runs';
import { outcomeOf, readEnds, readResult } from '../../testkit/trainer-process';

const folder = useTestFolder();

describe('an attempt', () => {
  it('tells all that is missing of the inputs at once', async () => {
    const spec = tinyRun(folder.path(), 'kd', {
      teacher: { kind: 'folder', location: '/nowhere/teacher' },
      student: { kind: 'bilstm', vectors: '/nowhere/vectors.txt' },
    });
    spec.data.test = '/nowhere/test.csv';

    const end = await attempt(spec);

    expect(end).toMatchObject({ outcome: 'failed', kind: 'input', step: null });
    const { problems } = end as { problems: { path: string; message: string }[] };
    expect(problems.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      expect.stringMatching('^data.test: .*/nowhere/test.csv'),
      expect.stringMatching('^teacher.location: /nowhere/teacher/config.json does not exist'),
      expect.stringMatching('^teacher.location: /nowhere/teacher/model.safetensors does not exist'),
      expect.stringMatching('^student.vectors: "/nowhere/vectors.txt" does not exist'),
    ]);
    expect(readEnds(folder.path(), 'kd')[1]).toEqual(end);
  });

  it('keeps the model of the epoch that is best by selectBy, whose class has to be among those of the data', async () => {
    const spec = tinyRun(folder.path(), 'scratch', { selectBy: 'dev/loss', parameters: { epochs: 3 } });
    expect(await attempt(spec)).toMatchObject({ outcome: 'succeeded' });
    const { selectedOn, selected } = readResult(folder.path(), 'scratch');
    const history = await readHistory(store(), 'scratch');
    const losses = history.flatMap(({ scope, values }) => (scope === 'epoch' ? (values['dev/loss'] ?? []) : []));
    expect(selectedOn).toBe('dev/loss');
    expect(losses).toHaveLength(3);
    expect(selected.values['dev/loss']).toBe(Math.min(...losses));

    const unknown = tinyRun(folder.path(), 'scratch', { runId: 'unknown', selectBy: 'dev/class/sideways/f1' });
    expect(await attempt(unknown)).toMatchObject({
      ...{ outcome: 'failed', kind: 'input' },
      problems: [
        { path: 'selectBy', message: expect.stringMatching(/^there is no class "sideways" in the data; there are /) },
      ],
    });
  });

  it('fails with the step and keeps the last checkpoint when a loss becomes NaN', async () => {
    // The squared distance of logits has a curvature of about 1: at this rate every step throws them nine times farther.
    const diverging = {
      studentOptimizer: 'sgd',
      studentLearningRate: 10,
      gradientClipping: null,
      loss: 'mse',
      alpha: 1,
    } as const;
    const spec = tinyRun(folder.path(), 'kd', {
      parameters: { ...diverging, epochs: 6 },
      execution: { checkpointSeconds: 0 },
    });

    const end = (await attempt(spec)) as Extract<AttemptEnd, { outcome: 'failed' }>;

    expect(end).toMatchObject({ outcome: 'failed', kind: 'numeric' });
    expect(end.step).toBeGreaterThan(5);
    const kept = end.step! - 1;
    expect(end.message).toMatch(
      new RegExp(
        `^train/[a-z-]+ became (NaN|Infinity) at step ${end.step}, produced by the student; the checkpoint of step ${kept} is kept. Try a smaller`,
      ),
    );
    expect(end.message).toContain('studentLearningRate (it was 10) or set gradientClipping to 1');
    expect((await readNewestCheckpoint(store(), 'kd')).checkpoint?.state.step).toBe(kept);
  });

  it('that fills the disk keeps the checkpoint before, and another one goes on from there', async () => {
    const spec = tinyRun(folder.path(), 'scratch', { execution: { checkpointSeconds: 0 } });
    const full = storeThatFails((key) => key.includes('checkpoints/0000000004/student.'));

    const end = await attempt(spec, full);

    expect(end).toMatchObject({ outcome: 'failed', kind: 'resources' });
    expect((end as { message: string }).message).toMatch(/^the disk is full: free some space/);
    const { checkpoint, notes } = await readNewestCheckpoint(store(), 'scratch');
    expect([checkpoint?.state.step, notes]).toEqual([3, []]);
    expect(await attempt(spec)).toMatchObject({ outcome: 'succeeded' });
    expect(readResult(folder.path(), 'scratch').attempt).toBe(2);
  });

  it('does not go on with data that changed since its checkpoint, until they are put back', async () => {
    const spec = tinyRun(folder.path(), 'scratch', { execution: { checkpointSeconds: 0 } });
    const { train } = spec.data;
    const original = readFileSync(train, 'utf8');
    await attempt(
      spec,
      storeThatFails((key) => key.includes('checkpoints/0000000004/student.')),
    );
    writeFileSync(train, `${original}one row more,good\n`);

    const end = await attempt(spec);

    expect(end).toMatchObject({ outcome: 'failed', kind: 'input' });
    expect((end as { problems: object[] }).problems).toEqual([
      {
        path: 'data.train',
        message: expect.stringMatching(
          /^has changed since the run was begun \(.*put it back .* from step 3, or make a/,
        ),
      },
    ]);
    writeFileSync(train, original);
    expect(await attempt(spec)).toMatchObject({ outcome: 'succeeded' });
  });

  it('stopped in the middle of an evaluation keeps the training before it, and evaluates once in the end', async () => {
    await attempt(tinyRun(folder.path(), 'meta-lora', { runId: 'undisturbed' }));
    const stopped = tinyRun(folder.path(), 'meta-lora', { runId: 'stopped' });
    const controller = new AbortController();
    const stopping = watchedStore((key, body) => {
      if (key.endsWith('progress.json') && /"evaluating".*"epoch":1/.test(body)) controller.abort();
    });

    const end = await attempt(stopped, stopping, controller.signal);

    expect(end).toMatchObject({ outcome: 'interrupted', step: 6 });
    expect((await readNewestCheckpoint(store(), 'stopped')).checkpoint?.state).toMatchObject({
      epoch: 1,
      stepInEpoch: 6,
    });
    expect(await attempt(stopped)).toMatchObject({ outcome: 'succeeded' });
    expect(await outcomeOf(folder.path(), 'stopped')).toEqual(await outcomeOf(folder.path(), 'undisturbed'));
  });

  it.each<[MethodName, string[]]>([
    ['pkd', ['student', 'student-optimizer']],
    ['distilbert', ['student', 'student-optimizer']],
    ['tinybert', ['student', 'student-optimizer']],
    ['dixtill', ['student', 'student-optimizer']],
    ['mpl', ['pilot-optimizer', 'student', 'student-optimizer', 'teacher', 'teacher-optimizer']],
    ['mpl-lora', ['pilot-optimizer', 'student', 'student-optimizer', 'teacher', 'teacher-optimizer']],
  ])('of %s that is stopped in the middle of an epoch goes on bit by bit', async (method, files) => {
    const definition = {
      teacher: { ...tinyTeacher, layers: 3 },
      ...(method.startsWith('mpl') && { parameters: { pilotOptimizer: 'adam' as const } }),
      execution: { checkpointSeconds: 0 },
    };
    await attempt(tinyRun(folder.path(), method, { runId: 'undisturbed', ...definition }));
    const controller = new AbortController();
    const stopping = watchedStore((key) => {
      if (key.includes('checkpoints/0000000008/')) controller.abort();
    });
    const stopped = tinyRun(folder.path(), method, { runId: 'stopped', ...definition });

    expect(await attempt(stopped, stopping, controller.signal)).toMatchObject({ outcome: 'interrupted', step: 8 });
    expect(await attempt(stopped)).toMatchObject({ outcome: 'succeeded' });

    const outcome = await outcomeOf(folder.path(), 'stopped');
    expect(outcome).toEqual(await outcomeOf(folder.path(), 'undisturbed'));
    const kept = Object.keys(outcome.files).flatMap(
      (name) => /^checkpoints.*\/([a-z-]+)\.safetensors$/.exec(name)?.[1] ?? [],
    );
    expect(kept.sort()).toEqual(files);
    const exported = await store().read(modelKey('stopped', 'student.safetensors'));
    expect(Buffer.from(exported!).includes('training-only')).toBe(false);
  });

  it('with an optimizer without state of its own goes on bit by bit', async () => {
    const definition = { parameters: { studentOptimizer: 'sgd' as const }, execution: { checkpointSeconds: 0 } };
    await attempt(tinyRun(folder.path(), 'scratch', { runId: 'undisturbed', ...definition }));
    const controller = new AbortController();
    const stopping = watchedStore((key) => {
      if (key.includes('checkpoints/0000000005/')) controller.abort();
    });
    const stopped = tinyRun(folder.path(), 'scratch', { runId: 'stopped', ...definition });

    expect(await attempt(stopped, stopping, controller.signal)).toMatchObject({ outcome: 'interrupted', step: 5 });
    expect(await attempt(stopped)).toMatchObject({ outcome: 'succeeded' });

    expect(await outcomeOf(folder.path(), 'stopped')).toEqual(await outcomeOf(folder.path(), 'undisturbed'));
  });

  it('writes no checkpoint within an epoch before checkpointSeconds have passed', async () => {
    const written = new Set<string>();
    const watching = watchedStore((key) => {
      const step = /checkpoints\/(\d+)\//.exec(key)?.[1];
      if (step !== undefined) written.add(step);
    });
    const spec = tinyRun(folder.path(), 'scratch', { execution: { checkpointSeconds: 3600 } });
    expect(await attempt(spec, watching)).toMatchObject({ outcome: 'succeeded' });
    // One at the end of each epoch.
    expect([...written].map(Number)).toEqual([6, 12]);
  });

  it('of dixtill tells how complete its attributions are, and computes them once for all seeds', async () => {
    const spec = tinyRun(folder.path(), 'dixtill', { parameters: { epochs: 1 } });
    await attempt(spec);
    const phases: string[] = [];

    await attempt({ ...spec, runId: 'another', teacher: spec.teacher, seed: 0 }, store(), undefined, {
      phase: (phase) => phases.push(phase),
    });

    const told =
      /^Integrated Gradients of 96 train rows in 20 steps: they miss F\(x\) - F\(x'\) by [\d.e-]+ % at the median/;
    expect(readResult(folder.path(), 'dixtill').notes).toContainEqual(expect.stringMatching(told));
    expect(phases.filter((phase) => phase.startsWith('computing Integrated Gradients'))).toEqual([]);
    expect(readResult(folder.path(), 'another').notes).toEqual(readResult(folder.path(), 'dixtill').notes);
  });

  it('of kd learns from what another model says as from that model, and names what its file lacks', async () => {
    const spec = tinyRun(folder.path(), 'kd', { parameters: { epochs: 1 } });
    const linesOf = (file: string) => readFileSync(file, 'utf8').trim().split('\n').slice(1);
    const lines = linesOf(spec.data.train);
    const location = join(folder.path(), 'said.csv');
    const says = (rows: string[]) =>
      writeFileSync(location, `text,bad,good\n${rows.map((line) => `${line.split(',')[0]},0.25,0.75`).join('\n')}\n`);
    const teacher = { kind: 'labels', location, gives: 'probabilities' } as const;
    says([...lines, ...linesOf(spec.data.test)]);

    expect(await attempt({ ...spec, runId: 'labels', teacher })).toMatchObject({ outcome: 'succeeded' });

    const { notes } = readResult(folder.path(), 'labels');
    expect(notes).toContainEqual(
      expect.stringMatching(/^the teacher is a file \(probabilities\): .* 50.0 % of the train rows/),
    );
    // It calls all rows good, which half of them are: F1 is 2/3 of good and 0 of bad.
    const [before] = (await outcomeOf(folder.path(), 'labels')).history.filter(({ scope }) => scope === 'epoch');
    expect(before).toMatchObject({ epoch: 0 });
    for (const split of ['dev', 'test'] as const) {
      expect(before!.values[scoreName(split, 'accuracy', 'teacher/')]).toBe(0.5);
      expect(before!.values[scoreName(split, 'macro-f1', 'teacher/')]).toBeCloseTo(1 / 3, 12);
    }
    says(lines.slice(0, 1));
    const lacking = await attempt({ ...spec, runId: 'lacking', teacher });
    expect(lacking).toMatchObject({ outcome: 'failed', kind: 'input' });
    expect((lacking as { message: string }).message).toMatch(/teacher.location: nothing for row \d+ of the train file/);
  });

  it('refuses what a teacher of this depth cannot give', async () => {
    const spec = tinyRun(folder.path(), 'pkd', { teacher: { ...tinyTeacher, layers: 2 } });
    const end = await attempt(spec);
    expect(end).toMatchObject({
      outcome: 'failed',
      kind: 'input',
      problems: [
        {
          path: 'parameters.patientLayers',
          message: '"skip" leaves no layer of a teacher of 2: use "last", or give a deeper teacher',
        },
      ],
    });
  });

  it('stopped while loading ends as interrupted with nothing to keep', async () => {
    const end = await attempt(tinyRun(folder.path(), 'kd'), store(), AbortSignal.abort());

    expect(end).toMatchObject({ outcome: 'interrupted', step: 0 });
  });

  it('passes over a damaged checkpoint and says so in the result', async () => {
    const undisturbed = tinyRun(folder.path(), 'scratch', { runId: 'undisturbed' });
    await attempt(undisturbed);
    const spec = tinyRun(folder.path(), 'scratch', { execution: { checkpointSeconds: 0 } });
    await attempt(
      spec,
      storeThatFails((key) => key.includes('checkpoints/0000000005/student.')),
    );
    await store().write('runs/scratch/checkpoints/0000000004/student.safetensors', 'cut off');

    expect(await attempt(spec)).toMatchObject({ outcome: 'succeeded' });

    const result = readResult(folder.path(), 'scratch');
    expect(result.notes).toContainEqual(
      expect.stringMatching(/^checkpoint of step 4 left out: student.safetensors has/),
    );
    expect(await outcomeOf(folder.path(), 'scratch')).toEqual(await outcomeOf(folder.path(), 'undisturbed'));
  });

  it('claims the next number when another takes its own first', async () => {
    const spec = tinyRun(folder.path(), 'scratch', { parameters: { epochs: 1 } });
    let raced = false;
    const racing: ObjectStore = {
      ...store(),
      write: async (key, body, options) => {
        if (key.endsWith('attempts/0001.json') && !raced) {
          raced = true;
          await store().write(key, body, options);
        }
        return store().write(key, body, options);
      },
    };

    await attempt(spec, racing);

    expect(Object.keys(readEnds(folder.path(), 'scratch'))).toEqual(['2']);
  });

  it('leaves no tensor behind from one step to the next', async () => {
    const counts: number[] = [];
    const spec = tinyRun(folder.path(), 'meta-lora', { execution: { logEverySteps: 1 } });

    await attempt(spec, store(), undefined, {
      record: ({ scope }) => scope === 'step' && counts.push(tf.memory().numTensors),
    });

    expect(counts).toHaveLength(12);
    expect(new Set(counts).size).toBe(1);
  });
});

const store = (): ObjectStore => storeOf(folder.path());
const attempt = (spec: RunSpecInput, ...rest: Rest) => attemptIn(folder.path(), spec, ...rest);
type Rest = Parameters<typeof attemptIn> extends [string, RunSpecInput, ...infer More] ? More : never;

function watchedStore(onWrite: (key: string, body: string) => void): ObjectStore {
  return {
    ...store(),
    write: async (key, body, options) => {
      onWrite(key, String(body));
      return store().write(key, body, options);
    },
  };
}

/** A store on a disk that is full for some keys. */
function storeThatFails(isFull: (key: string) => boolean): ObjectStore {
  return watchedStore((key) => {
    if (isFull(key)) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  });
}

afterEach(() => rmSync(join(folder.path(), 'cache'), { recursive: true, force: true }));
