import { type Better, bestOf } from '../../contract/metrics';
import type { RunState } from '../database/tables';
import type { GroupLabel } from './groups';
import type { Sample } from './statistics/sample';

/** At which moment of their training runs are compared. */
export type ComparisonPoint =
  | { kind: 'EPOCH'; epoch: number }
  | { kind: 'WALL_CLOCK'; seconds: number }
  | { kind: 'BEST_ON_DEV' }
  | { kind: 'BEST_ON_TEST' }
  | { kind: 'FINAL' };

export interface ComparedRun {
  id: string;
  experimentId: string;
  experimentName: string;
  variant: string;
  groupId: string;
  method: string;
  seed: number;
  state: RunState;
  /** Where successive halving stopped it: the epoch up to which it counts. */
  stoppedAtEpoch: number | null;
  engine: string | null;
  device: string | null;
  /** The metric that selects its model. */
  selectBy: string;
  /** The data files it read, JSON; null: not told. */
  dataFiles: string | null;
}

/** The evaluation that closed an epoch: its value of the compared metric, and of the one that selects the model. */
export interface EvaluatedEpoch {
  epoch: number;
  elapsedSeconds: number;
  value: number | null;
  selecting: number | null;
}

/** The value of a run that is compared. */
export interface SeedValue {
  runId: string;
  seed: number;
  epoch: number;
  elapsedSeconds: number;
  value: number;
}

/** A run that has nothing to compare. */
export interface MissingRun {
  runId: string;
  seed: number;
  state: RunState;
  reason: string;
}

/** A group and what its runs say. */
export interface ComparedGroup extends Sample {
  id: string;
  name: string;
  labels: GroupLabel[];
  min: number | null;
  max: number | null;
  best: SeedValue | null;
  worst: SeedValue | null;
  values: SeedValue[];
  missing: MissingRun[];
  /** Mean minus that of the baseline; null for the baseline itself, and where either has no value. */
  difference: number | null;
}

/**
 * The value of a run at a point of its training, or why it has none.
 * @param epochs in ascending order, those of which any of the two values is known
 * @param better direction of the compared metric, and of the one that selects the model
 */
export function valueAt(
  run: ComparedRun,
  epochs: readonly EvaluatedEpoch[],
  point: ComparisonPoint,
  better: { metric: Better; selecting: Better },
): { kind: 'value'; value: SeedValue } | { kind: 'missing'; run: MissingRun } {
  const { id: runId, seed, state } = run;
  const missing = (reason: string) => ({ kind: 'missing' as const, run: { runId, seed, state, reason } });
  if (state === 'FAILED') return missing('failed');
  if (state === 'CANCELLED') return missing('was cancelled');
  if (state !== 'SUCCEEDED' && state !== 'STOPPED') return missing('has not finished');
  const stoppedAt = run.stoppedAtEpoch ?? Number.POSITIVE_INFINITY;
  if (point.kind === 'EPOCH' && point.epoch > stoppedAt)
    return missing(`was stopped at epoch ${stoppedAt} by successive halving`);
  const counted = epochs.filter(({ epoch }) => epoch <= stoppedAt);
  const chosen = epochAt(counted, point, better);
  if (typeof chosen === 'string') return missing(chosen);
  const { epoch, elapsedSeconds, value } = chosen;
  if (value === null) return missing(`has no number at epoch ${epoch}`);
  return { kind: 'value', value: { runId, seed, epoch, elapsedSeconds, value } };
}

function epochAt(
  epochs: readonly EvaluatedEpoch[],
  point: ComparisonPoint,
  better: { metric: Better; selecting: Better },
): EvaluatedEpoch | string {
  switch (point.kind) {
    case 'EPOCH':
      return epochs.find(({ epoch }) => epoch === point.epoch) ?? `was not evaluated at epoch ${point.epoch}`;
    case 'WALL_CLOCK':
      return (
        epochs.findLast(({ elapsedSeconds }) => elapsedSeconds <= point.seconds) ??
        `was not evaluated within ${point.seconds} s`
      );
    case 'BEST_ON_DEV':
      return bestOf(epochs, better.selecting, ({ selecting }) => selecting) ?? 'was not evaluated on dev';
    case 'BEST_ON_TEST':
      return bestOf(epochs, better.metric, ({ value }) => value) ?? 'was not evaluated on test';
    case 'FINAL':
      return epochs.at(-1) ?? 'was not evaluated';
  }
}
