import type { ObjectStore } from '../../contract/objects/object-store';
import type { Energy, MetricRecord } from '../../contract/records';
import { type MetricLog, openMetricLog } from './metric-log';
import { type ProgressReport, startProgress } from './progress';

/** Where an attempt writes down what it does. */
export interface RunRecords {
  objects: ObjectStore;
  runId: string;
  attempt: number;
  metrics: MetricLog;
  progress: ProgressReport;
  /** Wall clock of the run over all attempts, without the time between them. */
  elapsedSeconds(): number;
  /** Wall clock of this attempt. */
  attemptSeconds(): number;
}

/**
 * @param elapsedBefore seconds of the run up to the checkpoint this attempt continues from.
 * @param startedAt `performance.now()` when this attempt began.
 * @param energy what this attempt has used so far.
 * @param watcher told of every metric record, of heartbeats that could not be written, and of a later attempt.
 */
export function openRunRecords(
  objects: ObjectStore,
  {
    runId,
    attempt,
    elapsedBefore,
    startedAt,
    energy,
    beatSeconds,
  }: {
    runId: string;
    attempt: number;
    elapsedBefore: number;
    startedAt: number;
    energy?: () => Energy;
    beatSeconds?: number;
  },
  watcher: { record(record: MetricRecord): void; note(text: string): void; superseded(): void },
): RunRecords {
  const log = openMetricLog(objects, runId, attempt);
  const attemptSeconds = () => (performance.now() - startedAt) / 1000;
  return {
    objects,
    runId,
    attempt,
    metrics: {
      ...log,
      add: (record) => {
        log.add(record);
        watcher.record(record);
      },
    },
    progress: startProgress(
      objects,
      runId,
      attempt,
      {
        failed: (error) => watcher.note(`no heartbeat: ${(error as Error).message}`),
        superseded: watcher.superseded,
      },
      attemptSeconds,
      energy,
      beatSeconds,
    ),
    elapsedSeconds: () => elapsedBefore + attemptSeconds(),
    attemptSeconds,
  };
}
