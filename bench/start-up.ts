import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunSpecInput } from '../contract/run-spec';
import { dataFiles } from './training/steps';

/**
 * Seconds from starting the trainer's process to its first metrics record, which the first step writes: meta-lora with
 * MiniLM from disk, on the real data. The least of three starts.
 */
export async function measureStart(engine: 'native' | 'portable', data: string): Promise<string> {
  const starts: number[] = [];
  for (let k = 0; k < 3; k++) starts.push(await secondsToFirstStep(engine, data));
  const all = starts.map((seconds) => seconds.toFixed(2)).join(', ');
  return `start to first step, ${engine}: ${Math.min(...starts).toFixed(2)} s (${all}), to be under 3`;
}

async function secondsToFirstStep(engine: 'native' | 'portable', data: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-bench-'));
  const { train, test, teacher, vectors } = dataFiles(data);
  const spec: RunSpecInput = {
    runId: 'start',
    method: 'meta-lora',
    data: { train, test },
    teacher: { kind: 'folder', location: teacher },
    vectors,
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
  const seconds = await new Promise<number>((resolve) => {
    child.on('message', ({ wrote }: { wrote: string }) => {
      if (wrote.includes('/metrics/')) resolve((performance.now() - startedAt) / 1000);
    });
    ended.then(() => resolve(Number.NaN));
  });
  child.kill('SIGKILL');
  await ended;
  rmSync(folder, { recursive: true, force: true });
  return seconds;
}
