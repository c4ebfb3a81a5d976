import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunSpecInput } from '../contract/run-spec';
import { dataFiles } from './training/steps';

/**
 * Seconds from starting the trainer's process to its first metrics record, which the first step writes: meta-lora with
 * MiniLM from disk, on the real data. The least of three starts, and in brackets of CPU seconds.
 */
export async function measureStart(engine: 'native' | 'portable', data: string): Promise<string> {
  const starts: Start[] = [];
  for (let k = 0; k < 3; k++) starts.push(await startOnce(engine, data));
  const least = (key: keyof Start) => Math.min(...starts.map((start) => start[key])).toFixed(2);
  return `start to first step, ${engine}: ${least('wallSeconds')} s (${least('cpuSeconds')}), to be under 3`;
}

interface Start {
  wallSeconds: number;
  /** Of all threads; NaN where the system does not tell it. */
  cpuSeconds: number;
}

async function startOnce(engine: 'native' | 'portable', data: string): Promise<Start> {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  const { train, test, teacher, vectors } = dataFiles(data);
  const spec: RunSpecInput = {
    runId: 'start',
    method: 'meta-lora',
    data: { train, test },
    teacher: { kind: 'folder', location: teacher },
    student: { kind: 'bilstm', vectors },
    execution: { engine, logEverySteps: 1 },
  };
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec));
  const startedAt = performance.now();
  const parameters = ['--import', 'tsx', 'trainer/main.ts', join(folder, 'spec.json'), '--objects', folder];
  const child = spawn(process.execPath, parameters, {
    cwd: join(__dirname, '..'),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, STILLHOUSE_CACHE: folder, TF_CPP_MIN_LOG_LEVEL: '3' },
  });
  const ended = once(child, 'exit');
  const start = await new Promise<Start>((resolve, reject) => {
    child.on('message', ({ wrote }: { wrote: string }) => {
      if (!wrote.includes('/metrics/')) return;
      resolve({ wallSeconds: (performance.now() - startedAt) / 1000, cpuSeconds: cpuSecondsOf(child.pid!) });
    });
    ended.then(([code]) => reject(new Error(`the trainer ended with ${code} before its first step`)));
  });
  child.kill('SIGKILL');
  await ended;
  rmSync(folder, { recursive: true, force: true });
  return start;
}

/** From Linux's process table, in ticks of 10 ms: the 14th and 15th field, user and system. */
function cpuSecondsOf(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return Number.NaN;
  const fields = readFileSync(file, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
