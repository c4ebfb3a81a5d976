import { progressKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import type { Progress } from '../../contract/records';

/** The heartbeat of an attempt: where it is, overwritten in the store every few seconds for as long as it lives. */
export interface ProgressReport {
  update(change: Partial<Omit<Progress, 'attempt' | 'at'>>): void;
  current(): Progress;
  /** Writes the last state and stops the heartbeat. */
  stop(): Promise<void>;
}

const heartbeatSeconds = 3;

/** @param onFailure told when a heartbeat could not be written; the run goes on, since a heartbeat is no result. */
export function startProgress(
  objects: ObjectStore,
  runId: string,
  attempt: number,
  onFailure: (error: unknown) => void,
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
  const beat = () => {
    if (busy) return;
    busy = true;
    progress = { ...progress, at: new Date().toISOString() };
    writing = objects
      .write(progressKey(runId), `${JSON.stringify(progress)}\n`)
      .then(() => {}, onFailure)
      .finally(() => {
        busy = false;
      });
  };
  beat();
  const timer = setInterval(beat, heartbeatSeconds * 1000);
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
