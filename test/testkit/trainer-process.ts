import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { metricNames } from '../../contract/metric-names';
import { directoryObjectStore } from '../../contract/objects/directory';
import type { AttemptEnd, Result } from '../../contract/records';
import type { RunSpecInput } from '../../contract/run-spec';
import { readHistory } from '../../trainer/records/history';

const repository = join(__dirname, '../..');

/** How a trainer process ended; `signal` where it was killed. */
export interface TrainerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  milliseconds: number;
}

export interface TrainerProcess {
  child: ChildProcess;
  exit: Promise<TrainerExit>;
  /** Resolves when the trainer has told of `count` writes to keys that `pattern` matches, or has ended. */
  wrote(count: number, pattern?: RegExp): Promise<void>;
}

/** The trainer as the server starts it: a process of its own, with a channel. */
export function startTrainer(
  folder: string,
  argumentsGiven: string[],
  environment: Record<string, string> = {},
): TrainerProcess {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--import', 'tsx', 'trainer/main.ts', ...argumentsGiven], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      STILLHOUSE_OBJECTS: join(folder, 'objects'),
      STILLHOUSE_CACHE: join(folder, 'cache'),
      ...environment,
    },
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.on('data', (chunk: Buffer) => {
      output[name] += chunk.toString();
    });
  }
  const keys: string[] = [];
  child.on('message', (message: { wrote: string }) => keys.push(message.wrote));
  // Not the event 'close', which never comes where this side closed the channel.
  const exit = Promise.all([once(child, 'exit'), finished(child.stdout!), finished(child.stderr!)]).then(
    ([[code, signal]]) => ({ code, signal, ...output, milliseconds: performance.now() - startedAt }),
  );
  return {
    child,
    exit,
    wrote: (count, pattern = /./) =>
      new Promise((resolve) => {
        const check = () => {
          if (keys.filter((key) => pattern.test(key)).length >= count) resolve();
        };
        child.on('message', check);
        exit.then(() => resolve());
        check();
      }),
  };
}

/** Carries out a definition from a file, to its end. */
export async function runTrainer(folder: string, spec: RunSpecInput): Promise<TrainerExit> {
  return startTrainer(folder, [writeSpec(folder, spec)]).exit;
}

export function writeSpec(folder: string, spec: RunSpecInput): string {
  const path = join(folder, `${spec.runId}.json`);
  writeFileSync(path, JSON.stringify(spec));
  return path;
}

const runFolder = (folder: string, runId: string): string => join(folder, 'objects/runs', runId);
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

export const readResult = (folder: string, runId: string): Result =>
  readJson(join(runFolder(folder, runId), 'result.json'));

/** The end records of a run's attempts by their number; an attempt that was killed has none. */
export function readEnds(folder: string, runId: string): Record<string, AttemptEnd> {
  const attempts = join(runFolder(folder, runId), 'attempts');
  const ends = readdirSync(attempts).filter((name) => name.endsWith('.end.json'));
  return Object.fromEntries(ends.map((name) => [String(Number(name.slice(0, 4))), readJson(join(attempts, name))]));
}

const timings = new Set<string>([
  metricNames.examplesPerSecond,
  metricNames.epochSeconds,
  metricNames.trainSeconds,
  metricNames.evaluateSeconds,
]);
const withoutTimings = (values: Readonly<Record<string, number | null>>) =>
  Object.fromEntries(Object.entries(values).filter(([name]) => !timings.has(name)));

/**
 * All of a run that must not depend on where it was interrupted: the bytes of model, predictions, weights and optimizer
 * state at the end, and every metric but timings.
 */
export async function outcomeOf(folder: string, runId: string) {
  const root = runFolder(folder, runId);
  const files: Record<string, string> = {};
  const collect = (below: string) => {
    for (const name of (readdirSync(join(root, below), { recursive: true }) as string[]).sort())
      if (!name.endsWith('.json') && statSync(join(root, below, name)).isFile())
        files[`${below}/${name}`] = readFileSync(join(root, below, name)).toString('base64');
  };
  collect('model');
  collect('predictions');
  const lastCheckpoint = readdirSync(join(root, 'checkpoints')).sort().at(-1);
  collect(`checkpoints/${lastCheckpoint}`);
  const history = await readHistory(directoryObjectStore(join(folder, 'objects')), runId);
  const { selected, final } = readResult(folder, runId);
  return {
    files,
    history: history.map(({ step, epoch, scope, values }) => ({ step, epoch, scope, values: withoutTimings(values) })),
    selected: { epoch: selected.epoch, step: selected.step, values: withoutTimings(selected.values) },
    final: { epoch: final.epoch, step: final.step, values: withoutTimings(final.values) },
    hasParquet: existsSync(join(root, 'history.parquet')),
  };
}
