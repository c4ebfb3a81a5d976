import type { RunState } from '../database/tables';

/** At which moment of their training runs are compared. */
export type ComparisonPoint =
  | { kind: 'EPOCH'; epoch: number }
  | { kind: 'WALL_CLOCK'; seconds: number }
  | { kind: 'BEST_ON_DEV' }
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
  engine: string | null;
  device: string | null;
}

/** The evaluation that closed an epoch: its value of the compared metric, and of the one that selects. */
export interface EvaluatedEpoch {
  epoch: number;
  elapsedSeconds: number;
  value: number | null;
  devAccuracy: number | null;
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

/**
 * The value of a run at a point of its training, or why it has none.
 * @param epochs in ascending order, those of which any of the two values is known
 */
export function valueAt(
  run: ComparedRun,
  epochs: readonly EvaluatedEpoch[],
  point: ComparisonPoint,
): { kind: 'value'; value: SeedValue } | { kind: 'missing'; run: MissingRun } {
  const { id: runId, seed, state } = run;
  const missing = (reason: string) => ({ kind: 'missing' as const, run: { runId, seed, state, reason } });
  if (state === 'FAILED') return missing('failed');
  if (state === 'CANCELLED') return missing('was cancelled');
  if (state !== 'SUCCEEDED') return missing('has not finished');
  const chosen = epochAt(epochs, point);
  if (typeof chosen === 'string') return missing(chosen);
  const { epoch, elapsedSeconds, value } = chosen;
  if (value === null) return missing(`has no value at epoch ${epoch}`);
  return { kind: 'value', value: { runId, seed, epoch, elapsedSeconds, value } };
}

function epochAt(epochs: readonly EvaluatedEpoch[], point: ComparisonPoint): EvaluatedEpoch | string {
  switch (point.kind) {
    case 'EPOCH':
      return epochs.find(({ epoch }) => epoch === point.epoch) ?? `was not evaluated at epoch ${point.epoch}`;
    case 'WALL_CLOCK':
      return (
        epochs.findLast(({ elapsedSeconds }) => elapsedSeconds <= point.seconds) ??
        `was not evaluated within ${point.seconds} s`
      );
    case 'BEST_ON_DEV':
      return bestOnDev(epochs) ?? 'was not evaluated on dev';
    case 'FINAL':
      return epochs.at(-1) ?? 'was not evaluated';
  }
}

/** The epoch with the highest accuracy on dev, the earliest of equals: as the trainer selects its model. */
function bestOnDev(epochs: readonly EvaluatedEpoch[]): EvaluatedEpoch | null {
  return epochs.reduce<EvaluatedEpoch | null>(
    (best, epoch) =>
      epoch.devAccuracy !== null && (best?.devAccuracy == null || epoch.devAccuracy > best.devAccuracy) ? epoch : best,
    null,
  );
}
