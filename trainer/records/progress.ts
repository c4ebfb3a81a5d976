import { progressKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import type { Energy, Progress } from '../../contract/records';
import { hasAttempt } from './attempts';

/** The heartbeat of an attempt: where it is, overwritten in the store every few seconds for as long as it lives. */
export interface ProgressReport {
  update(change: Partial<Omit<Progress, 'attempt' | 'at'>>): void;
  current(): Progress;
  /** Writes the last state and stops the heartbeat. */
  stop(): Promise<void>;
}

/** On AWS each is a request and a message, which are paid for. */
export const heartbeatSeconds = { local: 3, batch: 15 } as const;

export interface ProgressEvents {
  /** A heartbeat could not be written; the run goes on, since a heartbeat is no result. */
  failed(error: unknown): void;
  /** Another attempt has begun, by somebody who took this one for dead: it is to stop. */
  superseded(): void;
}

/**
 * @param attemptSeconds since the attempt began
 * @param energy what the attempt has used so far
 */
export function startProgress(
  objects: ObjectStore,
  runId: string,
  attempt: number,
  events: ProgressEvents,
  attemptSeconds: () => number,
  energy?: () => Energy,
  beatSeconds: number = heartbeatSeconds.local,
): ProgressReport {
  let progress: Progress = {
    attempt,
    at: new Date().toISOString(),
    phase: 'starting',
    step: 0,
    totalSteps: 0,
    epoch: 0,
    totalEpochs: 0,
  };
  let writing: Promise<void> = Promise.resolve();
  let busy = false;
  const writeAndLook = async (current: Progress) => {
    await objects.write(progressKey(runId), `${JSON.stringify(current)}\n`);
    if (await hasAttempt(objects, runId, attempt + 1)) events.superseded();
  };
  const beat = () => {
    if (busy) return;
    busy = true;
    progress = {
      ...progress,
      at: new Date().toISOString(),
      attemptSeconds: attemptSeconds(),
      ...(energy === undefined ? {} : { energy: energy() }),
    };
    writing = writeAndLook(progress)
      .catch(events.failed)
      .finally(() => {
        busy = false;
      });
  };
  beat();
  const timer = setInterval(beat, beatSeconds * 1000);
  timer.unref();
  return {
    update: (change) => {
      const phaseChanged = change.phase !== undefined && change.phase !== progress.phase;
      progress = { ...progress, ...change };
      if (phaseChanged) beat();
    },
    current: () => progress,
    stop: async () => {
      clearInterval(timer);
      await writing;
      beat();
      await writing;
    },
  };
}
