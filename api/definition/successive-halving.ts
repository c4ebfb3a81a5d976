import { type Better, isBetter } from '../../contract/metrics';

/**
 * Asynchronous successive halving, in its stopping form (Li et al., "A System for Massively Parallel Hyperparameter
 * Tuning", 2020; the stopping form is that of Ray Tune and Syne Tune). A run that reaches a rung, that is an epoch
 * minEpochs * reduction^k, goes on if it is among the best 1 / reduction of all that reached this rung before it or
 * with it; else it is stopped there and then. The paper instead pauses it, and may promote it later when worse ones
 * have arrived: what goes on at its arrival is the same, what is stopped here is never taken up again.
 */
export interface Halving {
  /** Epoch of the first rung. */
  minEpochs: number;
  /** eta: one in so many goes on from a rung to the next. */
  reduction: number;
}

/** The epochs at which runs of so many epochs are judged, ascending; the last epoch is the end and no rung. */
export function rungsOf({ minEpochs, reduction }: Halving, epochs: number): number[] {
  const rungs: number[] = [];
  for (let rung = minEpochs; rung < epochs; rung *= reduction) rungs.push(rung);
  return rungs;
}

/**
 * Whether a run goes on from a rung.
 * @param value its score there
 * @param earlier scores of those that reached the rung before it; of equals the earlier ranks higher
 * @returns true while fewer than `reduction` have arrived, since no share of them can be told yet
 */
export function goesOn(value: number, earlier: readonly number[], reduction: number, better: Better): boolean {
  const arrived = earlier.length + 1;
  if (arrived < reduction) return true;
  const rank = 1 + earlier.filter((other) => !isBetter(better, value, other)).length;
  return rank <= Math.floor(arrived / reduction);
}
