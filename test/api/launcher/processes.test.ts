import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { findTrainers } from '../../../api/launcher/processes';
import { useTestFolder } from '../../testkit/test-folder';
import { eventually } from '../../testkit/test-runner';

const folder = useTestFolder();
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
});

/** A process with the command line of a trainer, in a process group of its own. */
function startTrainer(runId: string, program = 'setInterval(() => {}, 1000)'): number {
  const words = ['-e', program, '--', '--objects', folder.path(), '--run', runId];
  const child = spawn(process.execPath, words, { stdio: 'ignore', detached: true });
  started.push(child);
  return child.pid!;
}

/** Starts a copy of itself once, as a trainer that is about to start another program does for a moment. */
const forking = `
  if (process.env.IS_CHILD === undefined)
    require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', '--', ...process.argv.slice(1)], {
      stdio: 'ignore', env: { ...process.env, IS_CHILD: '1' },
    }).once('spawn', () => require('node:fs').writeFileSync(process.argv[2] + '/forked', ''));
  setInterval(() => {}, 1000);`;

describe('the trainers of this machine', () => {
  it('are all that work on these objects, also two of one run', async () => {
    const pids = [startTrainer('a'), startTrainer('a'), startTrainer('b')];
    const found = () => findTrainers(folder.path());
    await eventually('all are there', async () => (await found()).length === 3);
    expect((await found()).map(({ pid }) => pid).sort()).toEqual(pids.sort());
    expect(await findTrainers(`${folder.path()}-other`)).toEqual([]);
  });

  it('do not include a child of a trainer with the same command line', async () => {
    const pid = startTrainer('a', forking);
    await eventually('it has a child', async () => existsSync(`${folder.path()}/forked`));
    expect(await findTrainers(folder.path())).toEqual([{ pid, runId: 'a' }]);
  });
});
