import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodes } from '../../../contract/keys';
import { scoreName } from '../../../contract/metric-names';
import { resultSchema } from '../../../contract/records';
import { parseRunSpec } from '../../../contract/run-spec';
import { useTestFolder } from '../../testkit/test-folder';
import { tinyRun } from '../../testkit/tiny-runs';
import { outcomeOf, readEnds, readResult, runTrainer, startTrainer, writeSpec } from '../../testkit/trainer-process';

jest.setTimeout(180_000);

describe('the trainer process', () => {
  const folder = useTestFolder();
  const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  const read = (key: string) => readFileSync(join(folder.path(), 'objects/runs', key), 'utf8');

  it('fine-tunes teachers, trains students, and distils with the teacher that fine-tuning left', async () => {
    const teacher = { kind: 'run', runId: 'finetune' } as const;
    const exits = [await runTrainer(folder.path(), tinyRun(folder.path(), 'finetune'))];
    for (const method of ['finetune-lora', 'kd', 'meta-full', 'meta-lora'] as const)
      exits.push(await runTrainer(folder.path(), tinyRun(folder.path(), method, { teacher })));
    exits.push(await runTrainer(folder.path(), tinyRun(folder.path(), 'scratch')));

    for (const exit of exits) expect(exit).toMatchObject({ code: exitCodes.succeeded, stderr: '' });
    for (const student of ['scratch', 'kd', 'meta-full', 'meta-lora']) {
      const result = resultSchema.parse(readResult(folder.path(), student));
      expect(result.rows).toEqual({ train: 96, quiz: 12, dev: 12, test: 40 });
      expect(result.dataFiles).toEqual({
        train: { sha256: hashOf(result.spec.data.train), rows: 120 },
        test: { sha256: hashOf(result.spec.data.test), rows: 40 },
      });
      expect(result.final.values).toHaveProperty(scoreName('test', 'macro-f1'));
      // What is paid for is not less than what the run counts.
      const paid =
        Date.parse(result.finishedAt) - Date.parse(JSON.parse(read(`${student}/attempts/0001.json`)).startedAt);
      expect(paid / 1000).toBeGreaterThan(result.final.elapsedSeconds - 0.002);
      expect(read(`${student}/model/vocabulary.txt`).split('\n').slice(0, 2)).toEqual(['[PAD]', '[UNK]']);
    }
    // The teacher of kd stays as it was; that of meta-lora has moved by its last epoch.
    const teacherLoss = scoreName('test', 'loss', 'teacher/');
    const losses = async (runId: string) =>
      (await outcomeOf(folder.path(), runId)).history.flatMap(({ values }) => values[teacherLoss] ?? []);
    expect(await losses('kd')).toHaveLength(1);
    const [before, after] = await losses('meta-lora');
    expect(before).toBe((await losses('kd'))[0]);
    expect(after).not.toBe(before);
    expect(readResult(folder.path(), 'finetune-lora').trainedParameters).toBe(3 * 2 * (2 * 8) + (64 + 8) + (16 + 2));
    expect(existsSync(join(folder.path(), 'objects/runs/finetune-lora/model/vocab.txt'))).toBe(true);
  });

  it('stops at SIGTERM with a checkpoint, and the next attempt goes on as if nothing had been', async () => {
    const undisturbed = tinyRun(folder.path(), 'meta-full', { runId: 'undisturbed' });
    const stopped = tinyRun(folder.path(), 'meta-full', { runId: 'stopped' });
    expect(await runTrainer(folder.path(), undisturbed)).toMatchObject({ code: exitCodes.succeeded });

    const trainer = startTrainer(folder.path(), [writeSpec(folder.path(), stopped)]);
    await trainer.wrote(1, /metrics/);
    const toldAt = performance.now();
    trainer.child.kill('SIGTERM');
    const exit = await trainer.exit;

    expect(exit.code).toBe(exitCodes.interrupted);
    expect(performance.now() - toldAt).toBeLessThan(20_000);
    const end = readEnds(folder.path(), 'stopped')[1];
    expect(end).toMatchObject({ outcome: 'interrupted' });
    const resumed = await startTrainer(folder.path(), ['--run', 'stopped']).exit;
    expect(resumed.code).toBe(exitCodes.succeeded);
    expect(JSON.parse(read('stopped/attempts/0002.json')).resumedFromStep).toBe((end as { step: number }).step || null);
    expect(await outcomeOf(folder.path(), 'stopped')).toEqual(await outcomeOf(folder.path(), 'undisturbed'));
  });

  it('stops when the process that started it is gone', async () => {
    const spec = tinyRun(folder.path(), 'scratch', { parameters: { epochs: 500 } });
    const trainer = startTrainer(folder.path(), [writeSpec(folder.path(), spec)]);
    await trainer.wrote(2, /metrics/);
    trainer.child.disconnect();

    expect((await trainer.exit).code).toBe(exitCodes.interrupted);
    expect(readEnds(folder.path(), 'scratch')[1]).toMatchObject({ outcome: 'interrupted', step: expect.any(Number) });
  });

  it('does nothing for a run that has its result', async () => {
    const spec = tinyRun(folder.path(), 'scratch', { parameters: { epochs: 1 } });
    await runTrainer(folder.path(), spec);
    const before = read('scratch/result.json');

    expect(await runTrainer(folder.path(), spec)).toMatchObject({ code: exitCodes.succeeded });

    expect(read('scratch/result.json')).toBe(before);
    expect(Object.keys(readEnds(folder.path(), 'scratch'))).toEqual(['1']);
  });

  it('refuses a definition file whose run has another definition already', async () => {
    const spec = tinyRun(folder.path(), 'scratch', { parameters: { epochs: 1 } });
    mkdirSync(join(folder.path(), 'objects/runs/scratch'), { recursive: true });
    writeFileSync(join(folder.path(), 'objects/runs/scratch/spec.json'), JSON.stringify({ ...spec, seed: 5 }));

    const exit = await runTrainer(folder.path(), spec);

    expect(exit.code).toBe(exitCodes.input);
    expect(exit.stderr).toContain('run "scratch" has another definition already');
  });

  it('tells every problem of a definition, with its path', async () => {
    const spec = tinyRun(folder.path(), 'kd', { teacher: null, parameters: { alpha: 2, epochs: 0 } });

    const exit = await runTrainer(folder.path(), spec);

    expect(exit.code).toBe(exitCodes.input);
    for (const path of ['parameters.alpha', 'parameters.epochs']) expect(exit.stderr).toContain(path);
  });

  it('refuses a hyper-parameter that the method does not read, unless the definition is a resolved one', async () => {
    const spec = tinyRun(folder.path(), 'scratch', { parameters: { epochs: 1, loraRank: 4, temperature: 3 } });
    const refused = await runTrainer(folder.path(), spec);

    expect(refused.code).toBe(exitCodes.input);
    for (const name of ['loraRank', 'temperature'])
      expect(refused.stderr).toContain(`parameters.${name}: scratch does not read it`);
    expect(existsSync(join(folder.path(), 'objects'))).toBe(false);
    const resolved = parseRunSpec(spec);
    if (resolved.kind === 'invalid') throw new Error('expected a definition');
    expect(await runTrainer(folder.path(), resolved.value)).toMatchObject({ code: exitCodes.succeeded });
  });

  it('says in one line that the objects cannot be written', async () => {
    folder.write('objects', 'no folder');
    const exit = await runTrainer(folder.path(), tinyRun(folder.path(), 'scratch'));

    expect(exit.code).toBe(exitCodes.resources);
    expect(exit.stderr).toMatch(/^cannot write object "[^\n]* see that [^\n]* is a folder that can be [^\n]*\n$/);
  });

  it('leaves nothing behind for a run that does not exist', async () => {
    const exit = await startTrainer(folder.path(), ['--run', 'nobody']).exit;

    expect(exit).toMatchObject({ code: exitCodes.input, stderr: expect.stringContaining('there is no run "nobody"') });
    expect(existsSync(join(folder.path(), 'objects/runs'))).toBe(false);
  });

  it('explains itself, and what it cannot understand', async () => {
    expect(await startTrainer(folder.path(), ['--help']).exit).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('75 interrupted'),
    });
    expect(await startTrainer(folder.path(), ['--speed', '9']).exit).toMatchObject({
      code: exitCodes.input,
      stderr: expect.stringContaining("Unknown option '--speed'"),
    });
    expect(await startTrainer(folder.path(), []).exit).toMatchObject({
      code: exitCodes.input,
      stderr: expect.stringContaining('give a spec file or the id of a run'),
    });
    expect(await startTrainer(folder.path(), ['--run', '../x']).exit).toMatchObject({
      code: exitCodes.input,
      stderr: expect.stringMatching(/^--run must be 1 to 64 letters/),
    });
  });
});
