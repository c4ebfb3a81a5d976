import { setTimeout as sleep } from 'node:timers/promises';
import { exitCodes } from '../../../contract/keys';
import type { MethodName } from '../../../contract/methods';
import { randomStream } from '../../../trainer/numeric/random';
import { testSeed } from '../../testkit/seed';
import { useTestFolder } from '../../testkit/test-folder';
import { tinyRun, tinyTeacher } from '../../testkit/tiny-runs';
import { outcomeOf, readEnds, runTrainer, startTrainer, writeSpec } from '../../testkit/trainer-process';

/** A dozen starts of a process, each a second or two of a core. */
jest.setTimeout(180_000);

const killSeed = testSeed();

describe('a run that is killed again and again', () => {
  const folder = useTestFolder();

  it.each<[MethodName, string[]]>([
    ['scratch', ['student', 'student-optimizer']],
    ['meta-lora', ['student', 'student-optimizer', 'teacher', 'teacher-optimizer']],
    ['finetune', ['teacher', 'teacher-optimizer']],
  ])('ends as if it had never been: %s', async (method, files) => {
    // LoRA on the upper of two layers: every attempt computes anew what comes out of the lower.
    const isLora = method === 'meta-lora';
    const run = {
      teacher: method === 'scratch' ? null : { ...tinyTeacher, layers: isLora ? 2 : 1 },
      parameters: { batchSize: 32, ...(isLora && { loraLayers: [1] }) },
    };
    const undisturbed = tinyRun(folder.path(), method, { runId: 'undisturbed', ...run });
    // A checkpoint after every step: most of the time is then spent in writing one, and that is where it is killed.
    const killed = tinyRun(folder.path(), method, { runId: 'killed', ...run, execution: { checkpointSeconds: 0 } });
    expect(await runTrainer(folder.path(), undisturbed)).toMatchObject({ code: exitCodes.succeeded });

    const kills = await killUntilDone(folder.path(), writeSpec(folder.path(), killed));

    expect(kills).toBeGreaterThanOrEqual(2);
    const outcome = await outcomeOf(folder.path(), 'killed');
    expect(outcome).toEqual(await outcomeOf(folder.path(), 'undisturbed'));
    for (const file of files)
      expect(Object.keys(outcome.files)).toContainEqual(
        expect.stringMatching(new RegExp(`^checkpoints/.*/${file}.safetensors$`)),
      );
    expect(Object.keys(readEnds(folder.path(), 'killed'))).toEqual([String(kills + 1)]);
  });

  it('ends as if it had never been: a student that is pruned, and recovers', async () => {
    const { data, execution } = tinyRun(folder.path(), 'kd');
    const killed = { ...execution, checkpointSeconds: 0 };
    expect(await runTrainer(folder.path(), tinyRun(folder.path(), 'kd', { runId: 'kd' }))).toMatchObject({ code: 0 });
    const prune = { version: 2, method: 'magnitude', data, student: { kind: 'run', runId: 'kd' } } as const;
    const recover = tinyRun(folder.path(), 'kd', {
      ...{ version: 2, teacher: tinyTeacher, student: { kind: 'run', runId: 'prune' }, parameters: { batchSize: 32 } },
    });
    for (const [runId, spec] of Object.entries({ prune, recover })) {
      const undisturbed = { ...spec, runId, execution };
      expect(await runTrainer(folder.path(), undisturbed)).toMatchObject({ code: exitCodes.succeeded });
      const again = { ...spec, runId: `${runId}-killed`, execution: killed };
      await killUntilDone(folder.path(), writeSpec(folder.path(), again));
      expect(await outcomeOf(folder.path(), again.runId)).toEqual(await outcomeOf(folder.path(), runId));
    }
  });
});

/** Starts a run and kills it after some random number of writes, a random moment later; until it comes through. */
async function killUntilDone(folder: string, spec: string): Promise<number> {
  const random = randomStream(killSeed, 'kill', spec.split('/').at(-1)!);
  for (let kills = 0; kills < 30; kills++) {
    const trainer = startTrainer(folder, [spec]);
    await trainer.wrote(1 + random.integerBelow(20), /metrics|checkpoints|predictions/);
    await sleep(random.integerBelow(8));
    trainer.child.kill('SIGKILL');
    const { signal, code, stderr } = await trainer.exit;
    if (code === exitCodes.succeeded) return kills;
    expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });
  }
  throw new Error('the run was killed 30 times and made too little way in between');
}
