import binomialCdf from '@stdlib/stats-base-dists-binomial-cdf';
import normalCdf from '@stdlib/stats-base-dists-normal-cdf';

/** Rows that exactly one of two models got right: the only ones that tell them apart. */
export interface Discordance {
  /** Right by the first alone. */
  first: number;
  /** Right by the second alone. */
  second: number;
}

/** McNemar's test of one pair of models on one set of rows: is each as likely to be the one that is right? */
export interface McNemar extends Discordance {
  /** EXACT: binomial; CHI_SQUARE: (|first - second| - 1)^2 / (first + second) with one degree of freedom. */
  method: 'EXACT' | 'CHI_SQUARE';
  /** Two-sided. */
  p: number;
}

/** Below this many discordant rows the binomial distribution is used. */
const leastDiscordant = 25;

export function mcNemar(rows: Discordance): McNemar {
  const method = rows.first + rows.second < leastDiscordant ? 'EXACT' : 'CHI_SQUARE';
  return { ...rows, method, p: twoSided(oneSided(rows), oneSided(turned(rows))) };
}

/**
 * One p-value for several pairs of models on the same rows, one pair a seed. Their tests share the rows, so methods for
 * independent tests (Fisher's) would be wrong. Rueger (1978): whatever n tests have to do with each other,
 * n / k times the k-th smallest p is a p-value; k is half of n, rounded up, so that half of the seeds have to agree.
 * Each direction is combined by itself, so that seeds which contradict each other do not add up.
 */
export function combinedMcNemarP(seeds: readonly Discordance[]): number | null {
  if (seeds.length === 0) return null;
  return twoSided(combined(seeds.map(oneSided)), combined(seeds.map((rows) => oneSided(turned(rows)))));
}

function combined(ps: readonly number[]): number {
  const k = Math.ceil(ps.length / 2);
  const kth = [...ps].sort((a, b) => a - b)[k - 1]!;
  return Math.min(1, (ps.length / k) * kth);
}

/** P(at least as many are right by the first alone), were both as good. */
function oneSided({ first, second }: Discordance): number {
  const n = first + second;
  if (n < leastDiscordant) return binomialCdf(second, n, 0.5);
  // The continuity correction moves towards the middle, never beyond it.
  return normalCdf((-Math.max(0, Math.abs(first - second) - 1) * Math.sign(first - second)) / Math.sqrt(n), 0, 1);
}

const turned = ({ first, second }: Discordance): Discordance => ({ first: second, second: first });
const twoSided = (one: number, other: number): number => Math.min(1, 2 * Math.min(one, other));
