import { createInterface } from 'node:readline';
import { startEngine } from '../../trainer/engine/engine';
import { prepareRun } from './prepared-run';
import { measuredSteps, type StepCost } from './steps';

/**
 * One side of a comparison: `step-process.ts STEP ENGINE THREADS DATA BATCHES` prepares a run, tells its engine and batches in one
 * line of JSON, and then takes one step for every line with the number of a batch, answering what it took.
 */
async function main(): Promise<void> {
  const [name, engine, threads, folder, batches] = process.argv.slice(2) as [
    string,
    'native' | 'portable',
    ...string[],
  ];
  const started = await startEngine({ engine, device: 'cpu', threads: Number(threads) });
  if (started.kind === 'unavailable') throw new Error(started.problems.map(({ message }) => message).join('\n'));
  const step = measuredSteps.find((candidate) => candidate.name === name)!;
  const run = await prepareRun(step, folder!, Number(batches));
  answer({ engine: started.engine, batches: run.batches });
  for await (const line of createInterface({ input: process.stdin })) {
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    await run.takeStep(Number(line));
    const wallSeconds = (performance.now() - startedAt) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    answer({ wallSeconds, cpuSeconds: (user + system) / 1e6 } satisfies StepCost);
  }
}

const answer = (message: object): boolean => process.stdout.write(`${JSON.stringify(message)}\n`);

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
