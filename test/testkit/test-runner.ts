import { join } from 'node:path';
import { localPool } from '../../api/launcher/local';
import { createRunner, type Runner, type RunnerOptions } from '../../api/launcher/runner';
import type { TestServices } from './api-services';

export const scriptedTrainer = join(__dirname, 'scripted-trainer.js');

/**
 * The local runner with scripted trainers; what it logs goes to `lines`.
 * @param given.scripts what the trainers of runs do whose names do not say so
 */
export function scriptedRunner(
  services: TestServices,
  { slots = 2, scripts = {}, ...given }: Partial<RunnerOptions> & { slots?: number; scripts?: object } = {},
): Runner & { lines: string[] } {
  const lines: string[] = [];
  const options: RunnerOptions = {
    objectsLocation: join(services.folder, 'objects'),
    stopMilliseconds: 500,
    crashLimit: 2,
    stallMilliseconds: 60_000,
    pollMilliseconds: 100,
    log: (line) => lines.push(line),
    ...given,
  };
  const pool = {
    slots,
    gpus: [],
    command: [process.execPath, scriptedTrainer] as const,
    objectsLocation: options.objectsLocation,
    cacheDirectory: join(services.folder, 'cache'),
    logsDirectory: join(services.folder, 'logs'),
    environment: { ...process.env, SCRIPTS: JSON.stringify(scripts) },
    stopMilliseconds: options.stopMilliseconds,
  };
  const runner = createRunner(services, (events) => localPool(pool, events), options);
  services.wake = () => runner.wake();
  return Object.assign(runner, { lines });
}

/** Waits until something holds, looked at often. @throws Error saying what did not come to hold */
export async function eventually(what: string, holds: () => Promise<boolean>, seconds = 45): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${seconds} seconds`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
