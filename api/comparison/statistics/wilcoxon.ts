import cdf from '@stdlib/stats-base-dists-normal-cdf';

/** Wilcoxon's signed-rank test: are the differences symmetric around 0? It asks for no normal distribution. */
export interface Wilcoxon {
  /** The smaller of the sums of the ranks of positive and of negative differences. */
  statistic: number;
  /** Differences that are ranked: those that are not 0. */
  ranked: number;
  /** Differences of 0, which are dropped, as Wilcoxon did (SciPy: `zero_method="wilcox"`). */
  zeros: number;
  /** EXACT: over all assignments of signs, ties included; NORMAL: by the normal approximation, with the tie correction. */
  method: 'EXACT' | 'NORMAL';
  /** Two-sided. */
  p: number;
}

/** Up to here all 2^n assignments of signs are counted. */
const mostExact = 50;

/** Of equal differences each gets the mean of their ranks. null where all differences are 0, and without any. */
export function wilcoxon(differences: readonly number[]): Wilcoxon | null {
  const ranked = differences.filter((difference) => difference !== 0);
  const n = ranked.length;
  if (n === 0) return null;
  const { ranks, tieSizes } = midranks(ranked.map(Math.abs));
  const positive = ranks.reduce((sum, rank, place) => sum + (ranked[place]! > 0 ? rank : 0), 0);
  const statistic = Math.min(positive, (n * (n + 1)) / 2 - positive);
  const isExact = n <= mostExact;
  const p = isExact ? exactP(ranks, statistic) : normalP(n, tieSizes, statistic);
  return { statistic, ranked: n, zeros: differences.length - n, method: isExact ? 'EXACT' : 'NORMAL', p };
}

/** The smallest p that n differences can come to: all of one sign. */
export const leastWilcoxonP = (n: number): number => Math.min(1, 2 ** (1 - n));

function midranks(sizes: readonly number[]): { ranks: number[]; tieSizes: number[] } {
  const order = sizes.map((_, place) => place).sort((a, b) => sizes[a]! - sizes[b]!);
  const ranks = new Array<number>(sizes.length);
  const tieSizes: number[] = [];
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && sizes[order[end]!] === sizes[order[start]!]) end += 1;
    // Ranks start + 1 to end, in the mean.
    for (const place of order.slice(start, end)) ranks[place] = (start + 1 + end) / 2;
    tieSizes.push(end - start);
    start = end;
  }
  return { ranks, tieSizes };
}

/**
 * P(smaller sum of ranks <= statistic) when every sign is a coin: the ways to each sum of a subset of the ranks are
 * counted. Ranks are doubled, so that the means of ties are whole.
 */
function exactP(ranks: readonly number[], statistic: number): number {
  const total = ranks.reduce((sum, rank) => sum + 2 * rank, 0);
  const ways = new Float64Array(total + 1);
  ways[0] = 1;
  for (const rank of ranks) for (let sum = total; sum >= 2 * rank; sum--) ways[sum]! += ways[sum - 2 * rank]!;
  let lower = 0;
  for (let sum = 0; sum <= 2 * statistic; sum++) lower += ways[sum]!;
  return Math.min(1, (2 * lower) / 2 ** ranks.length);
}

/** Variance n(n + 1)(2n + 1) / 24 - sum(t^3 - t) / 48 over the sizes t of ties; no continuity correction. */
function normalP(n: number, tieSizes: readonly number[], statistic: number): number {
  const tied = tieSizes.reduce((sum, size) => sum + (size ** 3 - size), 0);
  const variance = (n * (n + 1) * (2 * n + 1)) / 24 - tied / 48;
  return Math.min(1, 2 * cdf((statistic - (n * (n + 1)) / 4) / Math.sqrt(variance), 0, 1));
}
