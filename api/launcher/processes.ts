import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface TrainerProcess {
  pid: number;
  runId: string;
}

/**
 * The trainers of this machine that work on these objects, whoever started them: by their command lines, which name
 * the place of the objects and the run. A process number alone would not do, since numbers are used again. A trainer that
 * starts a program (git, nvidia-smi) has for a moment a child with its own command line, which is not another trainer.
 */
export async function findTrainers(objectsLocation: string): Promise<TrainerProcess[]> {
  const trainers = (await listProcesses()).flatMap(({ pid, words, parent }) => {
    const runId = argumentOf(words, '--run');
    return pid !== process.pid && runId !== null && argumentOf(words, '--objects') === objectsLocation
      ? [{ pid, runId, parent }]
      : [];
  });
  const parents = await Promise.all(trainers.map(({ parent }) => parent()));
  return trainers.flatMap(({ pid, runId }, place) => {
    const isOwnChild = trainers.some((other) => other.runId === runId && other.pid === parents[place]);
    return isOwnChild ? [] : [{ pid, runId }];
  });
}

function argumentOf(words: readonly string[], flag: string): string | null {
  const place = words.indexOf(flag);
  return place === -1 ? null : (words[place + 1] ?? null);
}

interface ListedProcess {
  pid: number;
  /** The command line. */
  words: string[];
  /** Number of the parent; 0 where the process is gone. */
  parent(): Promise<number>;
}

async function listProcesses(): Promise<ListedProcess[]> {
  const entries = await readdir('/proc').catch(() => null);
  if (entries === null) return listByPs();
  const processes = entries
    .filter((name) => /^\d+$/.test(name))
    .map(async (name) => {
      // Empty for a process that is gone, or a zombie.
      const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
      return { pid: Number(name), words: line.split('\0'), parent: () => parentOf(name) };
    });
  return Promise.all(processes);
}

async function parentOf(pid: string): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // pid (name) state parent ...; the name may hold any character.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}

/** Where there is no /proc (macOS); an objects folder with a space in its path is not recognised there. */
async function listByPs(): Promise<ListedProcess[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'pid=,ppid=,command='], { maxBuffer: 16_000_000 });
  return stdout.split('\n').map((line) => {
    const [pid = '0', parent = '0', ...words] = line.trim().split(/\s+/);
    return { pid: Number(pid), words, parent: async () => Number(parent) };
  });
}
