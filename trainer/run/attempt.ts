import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { resultKey, specKey } from '../../contract/keys';
import { methods } from '../../contract/methods';
import { DamagedObjectError, orDamage } from '../../contract/objects/damaged-object';
import type { ObjectStore } from '../../contract/objects/object-store';
import { readStored } from '../../contract/objects/stored-json';
import { type Attempt, type AttemptEnd, type Machine, type MetricRecord, resultSchema } from '../../contract/records';
import { type Checked, type Problem, parseRunSpec, type RunSpec } from '../../contract/run-spec';
import { type Checkpoint, readNewestCheckpoint } from '../checkpoint/checkpoint';
import { changedFiles } from '../data/dataset';
import { type EngineChoice, startEngine } from '../engine/engine';
import { isOutOfMemory } from '../engine/out-of-memory';
import { OutOfMemoryError } from '../evaluation/batch-memory';
import { loadInputs } from '../inputs/run-inputs';
import { type EnergyMeter, startEnergyMeter } from '../machine/energy';
import { claimAttempt, endAttempt } from '../records/attempts';
import { heartbeatSeconds } from '../records/progress';
import { openRunRecords, type RunRecords } from '../records/run-records';
import type { InputSources } from '../sources/sources';
import { divergedPart } from './diverged-part';
import { finishRun } from './finish';
import { type TrainingEnd, train } from './train';

/** How an attempt ended; `finished-before`: the run has its result already, and nothing was done. */
export type AttemptOutcome = AttemptEnd | { outcome: 'finished-before' };

/** Told what happens, for whoever watches. */
export interface Reporter {
  attempt(attempt: Attempt): void;
  note(text: string): void;
  phase(text: string): void;
  plan(run: { totalSteps: number; totalEpochs: number }): void;
  record(record: MetricRecord): void;
}

export interface AttemptSetting extends InputSources {
  objects: ObjectStore;
  runId: string;
  /** Threads of the engine where the definition of the run names none; null: all cores. */
  threads: number | null;
  /** Id of the Batch job that this process is; null outside Batch. */
  job: string | null;
  /** What is billed for it; null where nothing is, or it is not known. */
  machine: Machine | null;
  /** Version of the program. */
  code: string;
  /** Aborted when the process is asked to stop. */
  signal: AbortSignal;
  reporter: Reporter;
}

/** What the steps of an attempt share. */
interface Work extends AttemptSetting {
  /** `performance.now()` when the attempt began. */
  startedAt: number;
  attempt: Attempt;
  /** Aborted when a later attempt of the run has begun. */
  superseded: AbortController;
  checkpoint: Checkpoint | null;
  /** For the reader of the result. */
  notes: string[];
  meter: EnergyMeter;
}

/** After which an attempt that was asked to stop ends even if what it is waiting for (a download) does not. */
const stopSeconds = { local: 17, batch: 100 } as const;

/**
 * One attempt at a run: claims its number, trains, and writes how it ended. Whatever goes wrong after the claim is told in the
 * end record; what goes wrong before it (no spec, an unreadable store) is thrown.
 */
export async function attemptRun(setting: AttemptSetting): Promise<AttemptOutcome> {
  const { objects, runId, reporter } = setting;
  const startedAt = performance.now();
  const result = await orDamage(readStored(objects, resultKey(runId), resultSchema));
  if (result instanceof DamagedObjectError) return failureOf(result);
  if (result !== null) return { outcome: 'finished-before' };
  const spec = await readSpec(objects, runId);
  const engine = spec.kind === 'valid' ? await startEngine(withThreads(spec.value.execution, setting.threads)) : null;
  const { checkpoint, notes } = await readNewestCheckpoint(objects, runId);
  const attempt = await claimAttempt(objects, describeAttempt(startedAt, engine, checkpoint, setting));
  reporter.attempt(attempt);
  for (const note of notes) reporter.note(note);

  const superseded = new AbortController();
  const signal = AbortSignal.any([setting.signal, superseded.signal]);
  const meter = startEnergyMeter(attempt.engine.device);
  const work: Work = { ...setting, signal, superseded, startedAt, attempt, checkpoint, notes, meter };
  const ended = await Promise.race([carryOut(work, spec, engine).catch(failureOf), stopped(work)]);
  const end = { ...ended, energy: meter.read(), attemptSeconds: (performance.now() - startedAt) / 1000 };
  meter.stop();
  await endAttempt(objects, attempt, end).catch((error: Error) => reporter.note(`no end record: ${error.message}`));
  return end;
}

const withThreads = (execution: RunSpec['execution'], share: number | null) => ({
  ...execution,
  threads: execution.threads ?? share,
});

async function carryOut(work: Work, spec: Checked<RunSpec>, engine: EngineChoice | null): Promise<AttemptEnd> {
  if (spec.kind === 'invalid') return inputFailure(spec.problems);
  if (engine?.kind === 'unavailable')
    return inputFailure(engine.problems.map(({ path, message }) => ({ path: `execution.${path}`, message })));
  const { objects, runId, attempt, superseded, checkpoint, startedAt, reporter } = work;
  const records = openRunRecords(
    objects,
    {
      runId,
      attempt: attempt.attempt,
      elapsedBefore: checkpoint?.state.elapsedSeconds ?? 0,
      startedAt,
      energy: work.meter.read,
      beatSeconds: work.job === null ? heartbeatSeconds.local : heartbeatSeconds.batch,
    },
    {
      record: reporter.record,
      note: reporter.note,
      superseded: () => {
        if (!superseded.signal.aborted)
          reporter.note(`attempt ${attempt.attempt + 1} has begun elsewhere: this one stops`);
        superseded.abort();
      },
    },
  );
  try {
    return await trainAndFinish(work, spec.value, records);
  } finally {
    await records.progress.stop();
  }
}

async function trainAndFinish(work: Work, spec: RunSpec, records: RunRecords): Promise<AttemptEnd> {
  const { checkpoint, signal, attempt, notes, reporter } = work;
  const savedStep = checkpoint?.state.step ?? 0;
  const onPhase = (phase: string) => {
    records.progress.update({ phase });
    reporter.phase(phase);
  };
  const inputs = await loadInputs(spec, { ...work, engine: attempt.engine, onPhase });
  if (inputs === 'interrupted') return interruptedAt(savedStep);
  if (inputs.kind === 'invalid') return inputFailure(inputs.problems);
  const run = inputs.value;
  const changed = checkpoint === null ? [] : changedFiles(checkpoint.state, run.dataFiles);
  if (changed.length > 0) return inputFailure(changed);
  for (const note of run.notes) reporter.note(note);
  reporter.plan(run.totals);
  records.progress.update({ ...run.totals, step: savedStep, epoch: checkpoint?.state.epoch ?? 0 });

  const end = await train(run, records, checkpoint, signal);
  switch (end.kind) {
    case 'interrupted':
      return interruptedAt(end.step);
    case 'not-finite':
      return numericFailure(end, spec);
    case 'finished': {
      await finishRun(run, end.session, records, attempt, [...notes, ...run.notes]);
      return { outcome: 'succeeded', endedAt: now() };
    }
  }
}

async function readSpec(objects: ObjectStore, runId: string): Promise<Checked<RunSpec>> {
  const key = specKey(runId);
  const stored = await orDamage(readStored(objects, key, z.unknown()));
  if (stored instanceof DamagedObjectError) return invalidSpec(stored.message);
  if (stored === null) return invalidSpec(`${key} does not exist: write the definition of the run there first`);
  const spec = parseRunSpec(stored);
  if (spec.kind === 'invalid' || spec.value.runId === runId) return spec;
  return invalidSpec(`${key} is the definition of run "${spec.value.runId}"`, 'runId');
}

const invalidSpec = (message: string, path = ''): Checked<RunSpec> => ({
  kind: 'invalid',
  problems: [{ path, message }],
});

function describeAttempt(
  startedAt: number,
  engine: EngineChoice | null,
  checkpoint: Checkpoint | null,
  { runId, job, machine, code }: Pick<AttemptSetting, 'runId' | 'job' | 'machine' | 'code'>,
): Omit<Attempt, 'attempt' | 'version'> {
  const reason = engine === null ? 'not started: the definition of the run is not valid' : 'it did not start';
  const none = { name: 'portable' as const, version: 'none', device: 'none', threads: 0, reason };
  return {
    runId,
    // From where the seconds of the run are counted: the engine, started since, is paid for too.
    startedAt: new Date(performance.timeOrigin + startedAt).toISOString(),
    host: hostname(),
    pid: process.pid,
    engine: engine?.kind === 'started' ? engine.engine : none,
    node: process.version,
    code,
    resumedFromStep: checkpoint?.state.step ?? null,
    ...(job === null ? {} : { job }),
    ...(machine === null ? {} : { machine }),
  };
}

/** Resolves some seconds after the attempt was asked to stop, should it not have stopped by then. */
async function stopped({ signal, checkpoint, job }: Work): Promise<AttemptEnd> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await sleep((job === null ? stopSeconds.local : stopSeconds.batch) * 1000, undefined, { ref: false });
  return interruptedAt(checkpoint?.state.step ?? 0);
}

const now = (): string => new Date().toISOString();

const interruptedAt = (step: number): AttemptEnd => ({ outcome: 'interrupted', endedAt: now(), step });

type FailedEnd = Extract<AttemptEnd, { outcome: 'failed' }>;

const failed = (kind: FailedEnd['kind'], message: string, rest: Partial<FailedEnd> = {}): FailedEnd => ({
  outcome: 'failed',
  endedAt: now(),
  kind,
  message,
  problems: [],
  step: null,
  ...rest,
});

function inputFailure(problems: Problem[]): AttemptEnd {
  const message = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n');
  return failed('input', message, { problems });
}

function numericFailure(
  { error, checkpointStep }: Pick<Extract<TrainingEnd, { kind: 'not-finite' }>, 'error' | 'checkpointStep'>,
  spec: RunSpec,
): AttemptEnd {
  const part = divergedPart(error.figures, methods[spec.method]);
  const rate = `${part}LearningRate` as const;
  const { gradientClipping } = spec.parameters;
  // The gradient of a teacher that is taught is not clipped, nor is that of a pilot.
  const isClipped = part === 'student' || methods[spec.method].trains === 'teacher';
  const clipping = isClipped && gradientClipping === null ? ' or set gradientClipping to 1' : '';
  const kept = checkpointStep === null ? '' : `; the checkpoint of step ${checkpointStep} is kept`;
  return failed(
    'numeric',
    `${error.message}, produced by the ${part}${kept}. Try a smaller ${rate} (it was ${spec.parameters[rate]})${clipping}.`,
    { step: error.step },
  );
}

/** Codes by which systems say that room or memory ran out. */
const exhaustion: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space',
  EDQUOT: 'the disk quota is used up: free some space',
  ENOMEM: 'memory ran out: run fewer runs at a time, or take a smaller batchSize',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
};

/** The end record of an attempt that was thrown out of its work. A crash's stack goes to stderr. */
export function failureOf(error: unknown): FailedEnd {
  const { code, message } = error as NodeJS.ErrnoException;
  // Another attempt would read the same.
  if (error instanceof DamagedObjectError)
    return failed('input', message, { problems: [{ path: error.key, message }] });
  if (error instanceof OutOfMemoryError) return failed('resources', message);
  if (isOutOfMemory(error))
    return failed('resources', `memory ran out: run fewer runs at a time, or take smaller models (${message})`);
  const exhausted = exhaustion[code ?? ''];
  if (exhausted !== undefined)
    return failed(
      'resources',
      `${exhausted}, then start the run again; it continues from its last checkpoint (${message})`,
    );
  console.error(error);
  return failed('crash', error instanceof Error ? `${error.name}: ${message}` : String(error));
}
