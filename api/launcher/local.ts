import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { trainerEnvironment } from '../../contract/keys';
import type { Job, JobEnd, Launcher, LauncherEvents } from './launcher';

export interface LocalPoolOptions {
  slots: number;
  /** One slot for each of these, which then sees this one alone; empty: slots share the cores. */
  gpus: readonly string[];
  /** Command and arguments that start a trainer; `--objects` and `--run` are added. */
  command: readonly [string, ...string[]];
  objectsLocation: string;
  cacheDirectory: string;
  logsDirectory: string;
  /** What of its environment a trainer inherits. */
  environment: NodeJS.ProcessEnv;
  /** Time a trainer has to write a checkpoint and leave. */
  stopMilliseconds: number;
}

interface Place {
  job: Job;
  child: ChildProcess | null;
  slot: number;
  logPath: string;
  killedFor: string | null;
  killTimer: NodeJS.Timeout | null;
  gone: Promise<void>;
}

/** Enough of a log to find the error in it; the whole stays in the file. */
const lastWordsBytes = 4000;

/**
 * Runs trainers as child processes of this one, one a slot, each with its share of the cores. Their output goes
 * straight into a log file, so nothing is lost if this process dies. The channel to a child carries its hints
 * (`{ wrote: key }`); that it closes tells the child that this process is gone, and the child stops by itself.
 */
export function localPool(options: LocalPoolOptions, events: LauncherEvents): Launcher {
  const places = new Map<string, Place>();
  const threads = Math.max(1, Math.floor(availableParallelism() / options.slots));
  let closed = false;

  const stop = (runId: string, killedFor: string | null) => {
    const place = places.get(runId);
    if (place === undefined || place.killTimer !== null) return;
    place.killedFor = killedFor;
    place.child?.kill('SIGTERM');
    place.killTimer = setTimeout(() => place.child?.kill('SIGKILL'), options.stopMilliseconds);
  };

  return {
    description: describeSlots(options, threads),
    slots: () => ({ total: options.slots, busy: places.size }),
    launch(job) {
      if (closed || places.has(job.runId) || places.size >= options.slots)
        throw new Error(`run ${job.runId} was launched without a free slot`);
      const slot = freeSlot(places, options.slots);
      try {
        const place = startTrainer(job, slot, threads, options, events);
        places.set(job.runId, place);
        place.gone.then(() => places.delete(job.runId));
      } catch (error) {
        const lastWords = `it could not be started: ${(error as Error).message}`;
        setImmediate(() =>
          events.ended(job, { exitCode: null, signal: null, lastWords, asked: false, killedFor: null }),
        );
      }
    },
    stop: (runId, killedFor) => stop(runId, killedFor ?? null),
    jobs: () => [...places.values()].map(({ job }) => job),
    async close() {
      closed = true;
      for (const runId of places.keys()) stop(runId, null);
      await Promise.all([...places.values()].map(({ gone }) => gone));
    },
  };
}

function describeSlots({ slots, gpus }: LocalPoolOptions, threads: number): string {
  if (slots === 0) return 'none: runs wait';
  const count = slots === 1 ? '1 slot' : `${slots} slots`;
  if (gpus.length > 0) return `${count}, one GPU each`;
  return `${count} of ${threads === 1 ? '1 thread' : `${threads} threads`}`;
}

function freeSlot(places: ReadonlyMap<string, Place>, slots: number): number {
  const taken = new Set([...places.values()].map(({ slot }) => slot));
  return Array.from({ length: slots }, (_, slot) => slot).find((slot) => !taken.has(slot)) ?? 0;
}

function startTrainer(
  job: Job,
  slot: number,
  threads: number,
  options: LocalPoolOptions,
  events: LauncherEvents,
): Place {
  const folder = join(options.logsDirectory, job.runId);
  mkdirSync(folder, { recursive: true });
  const logPath = join(folder, `${String(job.attempt).padStart(4, '0')}.log`);
  const place: Place = { job, child: null, slot, logPath, killedFor: null, killTimer: null, gone: Promise.resolve() };
  const [program, ...words] = options.command;
  const log = openSync(logPath, 'a');
  const child = spawn(program, [...words, '--objects', options.objectsLocation, '--run', job.runId], {
    stdio: ['ignore', log, log, 'ipc'],
    // A process group of its own: Ctrl-C in the terminal is for the server, which then stops its trainers in order.
    detached: true,
    env: {
      ...options.environment,
      ...(options.gpus.length > 0 ? { CUDA_VISIBLE_DEVICES: options.gpus[slot] } : {}),
      [trainerEnvironment.cache]: options.cacheDirectory,
      [trainerEnvironment.threads]: String(threads),
    },
  });
  closeSync(log);
  place.child = child;
  place.gone = new Promise((resolve) => {
    const end = (exitCode: number | null, signal: string | null, error?: Error) => {
      if (place.child === null) return;
      place.child = null;
      if (place.killTimer !== null) clearTimeout(place.killTimer);
      resolve();
      const lastWords = error ? `it could not be started: ${error.message}` : readEnd(logPath);
      // In a turn of its own: the slot is free by then.
      setImmediate(() =>
        events.ended(job, {
          exitCode,
          signal,
          lastWords,
          asked: place.killTimer !== null,
          killedFor: place.killedFor,
        } satisfies JobEnd),
      );
    };
    child.once('exit', (exitCode, signal) => end(exitCode, signal));
    child.on('error', (error) => {
      if (child.pid === undefined) end(null, null, error);
    });
  });
  child.on('message', (message) => {
    const key = typeof message === 'object' && message !== null && 'wrote' in message ? message.wrote : null;
    if (typeof key === 'string') events.wrote(job, key);
  });
  if (child.pid !== undefined) events.started(job, { host: hostname(), pid: child.pid });
  return place;
}

/** The last lines of a log. */
function readEnd(path: string): string {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, lastWordsBytes));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    const text = buffer.toString();
    return (size > lastWordsBytes ? text.slice(text.indexOf('\n') + 1) : text).trim();
  } finally {
    closeSync(file);
  }
}
