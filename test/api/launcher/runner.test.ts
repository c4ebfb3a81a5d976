import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunState } from '../../../api/database/tables';
import { findTrainers } from '../../../api/launcher/processes';
import type { Runner } from '../../../api/launcher/runner';
import { cancelExperiment, cancelRun, retryRun } from '../../../api/runs/run-control.service';
import { applyEvent } from '../../../api/runs/run-life.service';
import { insertExperiment, insertRun, readRun, type TestServices, useTestServices } from '../../testkit/api-services';
import { eventually, scriptedRunner, scriptedTrainer } from '../../testkit/test-runner';
import { writeAttempt, writeResult } from '../../testkit/written-run';

let services: TestServices;
let runner: Runner;

// Stated before the folder and the records are: hooks run in this order, and a runner needs both to close.
afterEach(() => runner.close());
const testServices = useTestServices();

beforeEach(async () => {
  services = testServices();
  await insertExperiment(services);
});

async function start(given: Parameters<typeof scriptedRunner>[1] = {}): Promise<void> {
  runner = scriptedRunner(services, given);
  await runner.start();
}

const reaches = (id: string, state: RunState) =>
  eventually(`${id} is ${state}`, async () => (await readRun(services, id)).state === state);
const experiment = () => services.database.selectFrom('experiment').selectAll().executeTakeFirstOrThrow();
const attempts = (id: string) =>
  services.database.selectFrom('attempt').selectAll().where('run_id', '=', id).orderBy('number').execute();

describe('the runner', () => {
  it('carries out a run and keeps what it wrote', async () => {
    await insertRun(services, 'ok-1');
    await start();
    await reaches('ok-1', 'SUCCEEDED');

    expect(await readRun(services, 'ok-1')).toMatchObject({ attempt: 1, trained_parameters: 1, waiting_reason: null });
    expect(await attempts('ok-1')).toMatchObject([{ number: 1, outcome: 'succeeded' }]);
    const metrics = await services.database.selectFrom('summary_metric').selectAll().orderBy('name').execute();
    expect(metrics.map(({ name, count }) => [name, count])).toEqual([
      ['dev/accuracy', 2],
      ['train/loss', 2],
    ]);
  });

  it('leaves the runs of a stack on AWS to AWS Batch: those at work and those that wait', async () => {
    const job = { name: 'ok-1-r1', queue: 'g5-spot', size: 1, timeout_seconds: 60, job_id: 'j' };
    await services.database
      .insertInto('batch_job')
      .values({ ...job, sending_at: new Date(0).toISOString() })
      .execute();
    const atWork = { attempt: 1, job_name: 'ok-1-r1', job_index: 0, heartbeat_at: new Date(0).toISOString() };
    await insertRun(services, 'ok-1', { ...atWork, state: 'RUNNING' });
    await insertRun(services, 'ok-2', { waiting_reason: 'as Batch said' });
    const before = [await readRun(services, 'ok-1'), await readRun(services, 'ok-2')];
    for (const slots of [0, 2]) {
      await start({ slots });
      await new Promise((resolve) => setTimeout(resolve, 300));
      await runner.close();
      expect([await readRun(services, 'ok-1'), await readRun(services, 'ok-2')]).toEqual(before);
    }
  });

  it('says of a run why it waits, and starts no more than there are slots', async () => {
    for (const id of ['brief-1', 'brief-2', 'brief-3']) await insertRun(services, id);
    const reasons = new Set<string | null>();
    let most = 0;
    await start({ slots: 1 });
    await eventually('all have succeeded', async () => {
      const runs = await services.database.selectFrom('run').selectAll().orderBy('position').execute();
      reasons.add(runs[2]!.waiting_reason);
      most = Math.max(most, runner.launcher.jobs().length);
      return runs.every(({ state }) => state === 'SUCCEEDED');
    });
    expect(most).toBe(1);
    expect([...reasons]).toContain('waits for a free slot (1 of 1 busy)');
  });

  it('has a run wait for its teacher, fails it with the teacher, and revives it with a retry of the teacher', async () => {
    await insertRun(services, 'mended-teacher', { method: 'finetune' });
    await insertRun(services, 'ok-student', { depends_on: 'mended-teacher' });
    const reasons = new Set<string | null>();
    await start();
    await eventually('the student has failed', async () => {
      const { state, waiting_reason } = await readRun(services, 'ok-student');
      reasons.add(waiting_reason);
      return state === 'FAILED';
    });
    const failed = await readRun(services, 'ok-student');
    expect(failed.failure_kind).toBe('dependency');
    expect(failed.failure_message).toContain('run mended-teacher, failed: data.train: does not exist');
    expect([...reasons]).toContain('waits for run mended-teacher, whose model is its teacher');
    expect(await retryRun(services, 'ok-student')).toMatchObject({ kind: 'refused' });

    expect(await retryRun(services, 'mended-teacher')).toMatchObject({ kind: 'done', changed: true });
    await reaches('ok-student', 'SUCCEEDED');
    const order = [await readRun(services, 'mended-teacher'), await readRun(services, 'ok-student')];
    expect(order[0]!.finished_at! <= order[1]!.submitted_at!).toBe(true);
  });

  it('fails a run on bad input at once, with every problem', async () => {
    await insertRun(services, 'input-1');
    await start();
    await reaches('input-1', 'FAILED');
    const run = await readRun(services, 'input-1');
    expect(run).toMatchObject({ failure_kind: 'input', attempt: 1 });
    expect(JSON.parse(run.failure_problems!)).toEqual([{ path: 'data.train', message: 'does not exist' }]);
  });

  it('tries a crashed run again, then fails it with its last words', async () => {
    await insertRun(services, 'crash-1');
    await start({ crashLimit: 2 });
    await reaches('crash-1', 'FAILED');
    expect(await readRun(services, 'crash-1')).toMatchObject({
      failure_kind: 'crash',
      failure_message: 'the trainer ended with exit code 1; its last words: first line\nboom: the last line',
    });
    expect(await attempts('crash-1')).toMatchObject([
      { number: 1, outcome: 'failed', exit_code: 1 },
      { number: 2, outcome: 'failed', exit_code: 1 },
    ]);
    expect(readFileSync(join(services.folder, 'logs/crash-1/0002.log'), 'utf8')).toContain('boom');
  });

  it('counts a trainer that dies before it wrote anything as a crash', async () => {
    await insertRun(services, 'unborn-1');
    await start({ crashLimit: 2 });
    await reaches('unborn-1', 'FAILED');
    expect((await readRun(services, 'unborn-1')).failure_message).toContain('cannot find a module');
  });

  it('does not believe an exit code without a result', async () => {
    await insertRun(services, 'lying-1');
    await start({ crashLimit: 1 });
    await reaches('lying-1', 'FAILED');
    expect((await readRun(services, 'lying-1')).failure_message).toContain('exit code 0');
  });

  it('launches nothing more of an experiment after three crashes in a row, until somebody retries', async () => {
    for (const id of ['crash-1', 'crash-2']) await insertRun(services, id);
    await start({ slots: 1, crashLimit: 2 });
    await eventually('the experiment has stopped', async () => (await experiment()).state === 'stopped');
    // Not before: while the crashed ones are seen to, its turn could come, and a success begins the count anew.
    await insertRun(services, 'ok-3');
    expect((await experiment()).stop_reason).toContain('3 attempts in a row crashed');
    await eventually('the rest says why it waits', async () => {
      const { waiting_reason } = await readRun(services, 'ok-3');
      return waiting_reason === 'waits because its experiment stopped launching';
    });

    await services.database.updateTable('run').set({ state: 'CANCELLED' }).where('id', '=', 'crash-2').execute();
    await retryRun(services, 'crash-1');
    await reaches('ok-3', 'SUCCEEDED');
  });

  it('cancels what waits at once, what runs when it has left, and what does not leave by force', async () => {
    for (const id of ['slow-1', 'deaf-2', 'ok-3']) await insertRun(services, id);
    await start({ slots: 2 });
    await reaches('slow-1', 'RUNNING');
    await reaches('deaf-2', 'RUNNING');
    expect(await cancelExperiment(services, 'experiment')).toBe(3);
    expect((await readRun(services, 'ok-3')).state).toBe('CANCELLED');
    await reaches('slow-1', 'CANCELLED');
    await reaches('deaf-2', 'CANCELLED');
    expect(await attempts('deaf-2')).toMatchObject([{ outcome: 'cancelled' }]);
    expect(await cancelRun(services, 'slow-1')).toMatchObject({ kind: 'done', changed: false });
  });

  it('stops with its runs back in waiting, and goes on with them at the next start', async () => {
    await insertRun(services, 'later-1');
    await start();
    await reaches('later-1', 'RUNNING');
    await runner.close();
    expect(await readRun(services, 'later-1')).toMatchObject({
      state: 'PENDING',
      waiting_reason: 'interrupted by the stop of the server; goes on at its next start',
    });
    await start();
    await reaches('later-1', 'SUCCEEDED');
    expect(await attempts('later-1')).toMatchObject([{ outcome: 'interrupted' }, { outcome: 'succeeded' }]);
  });

  it('stops a trainer without a sign of life and tries its run again', async () => {
    await insertRun(services, 'silent-1');
    await start({ stallMilliseconds: 1500, crashLimit: 2 });
    await reaches('silent-1', 'FAILED');
    expect((await readRun(services, 'silent-1')).failure_message).toContain('no sign of life');
    expect(await attempts('silent-1')).toHaveLength(2);
  });
});

describe('after a server that was killed', () => {
  it('goes on with a run that was claimed but never started', async () => {
    await insertRun(services, 'ok-1');
    await applyEvent(services, 'ok-1', { kind: 'claimed', attempt: 1 });
    await start();
    await reaches('ok-1', 'SUCCEEDED');
  });

  it('finds the result that nobody took in', async () => {
    await insertRun(services, 'crash-1');
    await applyEvent(services, 'crash-1', { kind: 'claimed', attempt: 1 });
    await writeAttempt(services.objects, 'crash-1', 1, null);
    await writeResult(services.objects, 'crash-1');
    await start();
    await reaches('crash-1', 'SUCCEEDED');
    expect(await attempts('crash-1')).toHaveLength(1);
  });

  it('waits until a trainer that was left behind is gone before it starts another', async () => {
    await insertRun(services, 'deaf-1');
    await applyEvent(services, 'deaf-1', { kind: 'claimed', attempt: 1 });
    const objects = join(services.folder, 'objects');
    const orphan = spawn(process.execPath, [scriptedTrainer, '--objects', objects, '--run', 'deaf-1']);
    await eventually('it lives', async () => (await services.objects.info('runs/deaf-1/progress.json')) !== null);

    await start({ stopMilliseconds: 400 });
    expect(runner.launcher.jobs()).toEqual([]);
    expect(orphan.exitCode ?? orphan.signalCode).toBeNull();
    await eventually('another one lives', async () => (await attempts('deaf-1')).some(({ number }) => number === 2));
    const alive = await findTrainers(objects);
    expect(alive.every(({ pid }) => pid !== orphan.pid)).toBe(true);
    expect(orphan.signalCode).toBe('SIGKILL');
    await cancelRun(services, 'deaf-1');
    await reaches('deaf-1', 'CANCELLED');
  });
});
