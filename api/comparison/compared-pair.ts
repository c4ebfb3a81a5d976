import type { McNemar } from './statistics/mcnemar';
import type { EffectSize, PairedT } from './statistics/paired-t';
import type { Interval } from './statistics/sample';
import type { Wilcoxon } from './statistics/wilcoxon';
import type { Verdict } from './verdict';
import type { ComparisonWarning } from './warnings';

/** A p-value corrected by Holm for all tests of its kind in the answer. */
export type Corrected<Test> = Test & { holmP: number };

/** A group against another, seed by seed. Differences are those of the group minus those of the other. */
export interface ComparedPair {
  groupId: string;
  name: string;
  againstId: string;
  againstName: string;
  /** Seeds that both have, ascending: what every test rests on. */
  seeds: number[];
  unpairedSeeds: number[];
  /** Mean of the differences; null without shared seeds. */
  difference: number | null;
  standardDeviation: number | null;
  interval: Interval | null;
  tTest: Corrected<PairedT> | null;
  wilcoxon: Corrected<Wilcoxon> | null;
  effectSize: EffectSize | null;
  mcNemar: Corrected<SeedMcNemars> | null;
  bootstrap: Bootstrap | null;
  /** The least difference that so many seeds with such a spread show with a power of 80 %. */
  detectable: number | null;
  verdict: Verdict;
  warnings: ComparisonWarning[];
}

/** McNemar's test for every seed, and one p of them all. */
export interface SeedMcNemars {
  seeds: (McNemar & { seed: number; rows: number })[];
  p: number;
}

export interface Bootstrap {
  interval: Interval;
  resamples: number;
  seeds: number;
  rows: number;
}

/** The sizes of the families that Holm corrects: tests of each kind in the answer. */
export interface HolmFamilies {
  tTests: number;
  wilcoxons: number;
  mcNemars: number;
}
