import type { Parameters } from '../../contract/parameters';

/** The learning rate over a run, as a share of its peak. */
export interface Schedule {
  kind: Parameters['schedule'];
  /** Steps of the whole run, at least 1. */
  totalSteps: number;
  /** Share of them over which the rate rises linearly; rounded down to steps. */
  warmupShare: number;
}

/**
 * Factor on the peak learning rate at `step` (counted from 0), in [0, 1].
 *
 * With n steps of which w = max(1, floor(n * warmupShare)) warm up, the factor of step k is min((k + 1) / w, f), where
 * f = 1 (`constant`) or (n - k) / max(1, n - w) (`linear`, which would be 0 at step n, the first one not taken).
 */
export function learningRateFactor({ kind, totalSteps, warmupShare }: Schedule, step: number): number {
  const warmupSteps = Math.max(1, Math.floor(totalSteps * warmupShare));
  const rise = (step + 1) / warmupSteps;
  const fall = kind === 'constant' ? 1 : Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmupSteps));
  return Math.min(1, rise, fall);
}
