import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface TrainerProcess {
  pid: number;
  runId: string;
}

/**
 * The trainers of this machine that work on these objects, whoever started them: by their command lines, which name
 * the place of the objects and the run. A process number alone would not do, since numbers are used again.
 */
export async function findTrainers(objectsLocation: string): Promise<TrainerProcess[]> {
  const processes = await listProcesses();
  return processes.flatMap(({ pid, words }) => {
    const runId = argumentOf(words, '--run');
    return pid !== process.pid && runId !== null && argumentOf(words, '--objects') === objectsLocation
      ? [{ pid, runId }]
      : [];
  });
}

function argumentOf(words: readonly string[], flag: string): string | null {
  const place = words.indexOf(flag);
  return place === -1 ? null : (words[place + 1] ?? null);
}

async function listProcesses(): Promise<{ pid: number; words: string[] }[]> {
  const entries = await readdir('/proc').catch(() => null);
  if (entries === null) return listByPs();
  const processes = entries
    .filter((name) => /^\d+$/.test(name))
    .map(async (name) => {
      // Empty for a process that is gone, or a zombie.
      const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
      return { pid: Number(name), words: line.split('\0') };
    });
  return Promise.all(processes);
}

/** Where there is no /proc (macOS); an objects folder with a space in its path is not recognised there. */
async function listByPs(): Promise<{ pid: number; words: string[] }[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axww', '-o', 'pid=,command='], { maxBuffer: 16_000_000 });
  return stdout.split('\n').map((line) => {
    const [pid = '0', ...words] = line.trim().split(/\s+/);
    return { pid: Number(pid), words };
  });
}
