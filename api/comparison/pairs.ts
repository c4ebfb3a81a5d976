import type { MetricDescription } from '../../contract/metrics';
import { mapInSlices } from '../shared/breathe';
import type { ComparedPair, Corrected, HolmFamilies } from './compared-pair';
import type { ComparedGroup, SeedValue } from './comparison';
import type { ExampleTests } from './examples';
import { holm } from './statistics/holm';
import { describeDifferences, differencesOf, effectSize, pairedT } from './statistics/paired-t';
import { detectableEffect } from './statistics/power';
import { leastWilcoxonP, wilcoxon } from './statistics/wilcoxon';
import { significance, verdictOf } from './verdict';
import { type ComparisonWarning, warn } from './warnings';

/** Values of one seed in both groups. */
export interface PairedSeed {
  seed: number;
  group: SeedValue[];
  against: SeedValue[];
}

/** A pair before its tests are corrected for one another. */
export interface Pair {
  group: ComparedGroup;
  against: ComparedGroup;
  paired: PairedSeed[];
  unpairedSeeds: number[];
}

/** Every other group against the baseline, or all against all: the later against the earlier, or against the baseline. */
export function pairsOf(groups: readonly ComparedGroup[], baseline: string | null, all: boolean): Pair[] {
  const ordered = [...groups].sort((a, b) => Number(b.id === baseline) - Number(a.id === baseline));
  const references = all ? ordered : ordered.filter(({ id }) => id === baseline);
  return references.flatMap((against, place) => ordered.slice(place + 1).map((group) => pairUp(group, against)));
}

function pairUp(group: ComparedGroup, against: ComparedGroup): Pair {
  const [own, other] = [bySeed(group.values), bySeed(against.values)];
  const seeds = [...new Set([...own.keys(), ...other.keys()])].sort((a, b) => a - b);
  return {
    group,
    against,
    paired: seeds.flatMap((seed) => {
      const [ofGroup, ofOther] = [own.get(seed), other.get(seed)];
      return ofGroup && ofOther ? [{ seed, group: ofGroup, against: ofOther }] : [];
    }),
    unpairedSeeds: seeds.filter((seed) => !(own.has(seed) && other.has(seed))),
  };
}

function bySeed(values: readonly SeedValue[]): Map<number, SeedValue[]> {
  const seeds = new Map<number, SeedValue[]>();
  for (const value of values) {
    const ofSeed = seeds.get(value.seed);
    if (ofSeed === undefined) seeds.set(value.seed, [value]);
    else ofSeed.push(value);
  }
  return seeds;
}

/** All tests of all pairs, corrected for one another, each with its verdict. @param examples in the order of the pairs */
export async function testPairs(
  pairs: readonly Pair[],
  examples: readonly ExampleTests[],
  metric: MetricDescription,
): Promise<{ pairs: ComparedPair[]; families: HolmFamilies }> {
  const tested = await mapInSlices(pairs, testBySeed);
  const families = {
    tTest: holm(tested.map(({ tTest }) => tTest?.p ?? null)),
    wilcoxon: holm(tested.map((pair) => pair.wilcoxon?.p ?? null)),
    mcNemar: holm(examples.map(({ mcNemar }) => mcNemar?.p ?? null)),
  };
  const count = (ps: readonly (number | null)[]) => ps.filter((p) => p !== null).length;
  return {
    pairs: await mapInSlices(tested, (pair, place) => {
      const { mcNemar, bootstrap, warnings } = examples[place]!;
      const corrected = {
        ...pair,
        tTest: withHolm(pair.tTest, families.tTest[place]),
        wilcoxon: withHolm(pair.wilcoxon, families.wilcoxon[place]),
        mcNemar: withHolm(mcNemar, families.mcNemar[place]),
        bootstrap,
        warnings: [...pair.warnings, ...warnings],
      };
      return { ...corrected, verdict: verdictOf(corrected, metric) };
    }),
    families: {
      tTests: count(families.tTest),
      wilcoxons: count(families.wilcoxon),
      mcNemars: count(families.mcNemar),
    },
  };
}

const withHolm = <Test extends object>(test: Test | null, holmP: number | null | undefined): Corrected<Test> | null =>
  test === null || holmP == null ? null : { ...test, holmP };

function testBySeed({ group, against, paired, unpairedSeeds }: Pair) {
  const differences = differencesOf(
    paired.map((seed) => ({ value: meanOf(seed.group), against: meanOf(seed.against) })),
  );
  const sample = describeDifferences(differences);
  const { n, mean, standardDeviation, interval } = sample;
  return {
    groupId: group.id,
    name: group.name,
    againstId: against.id,
    againstName: against.name,
    seeds: paired.map(({ seed }) => seed),
    unpairedSeeds,
    difference: mean,
    standardDeviation,
    interval,
    tTest: pairedT(sample),
    wilcoxon: n < 2 ? null : wilcoxon(differences),
    effectSize: effectSize(sample),
    detectable: standardDeviation ? detectableEffect(n) * standardDeviation : null,
    warnings: pairWarnings({ group, against, paired, unpairedSeeds }, differences),
  };
}

/** Several runs of one seed in one group are not independent: they count once, as their mean. */
const meanOf = (values: readonly SeedValue[]): number =>
  values.reduce((sum, { value }) => sum + value / values.length, 0);

function pairWarnings(
  { group, against, paired, unpairedSeeds }: Pair,
  differences: readonly number[],
): ComparisonWarning[] {
  const [n, groups] = [paired.length, [group.id, against.id]];
  const names = `"${group.name}" and "${against.name}"`;
  const warnings: ComparisonWarning[] = [];
  if (unpairedSeeds.length > 0 && n > 0)
    warnings.push(
      warn(
        'UNPAIRED_SEEDS',
        `${names}: seed ${unpairedSeeds.join(', ')} is in one of them alone and is not tested`,
        groups,
      ),
    );
  if (n < 2)
    warnings.push(
      warn('FEW_PAIRS', `${names} share ${n === 0 ? 'no seed' : 'one seed'}: give both the same seeds`, groups),
    );
  else if (leastWilcoxonP(n) >= significance)
    warnings.push(
      warn(
        'FEW_PAIRS',
        `${names} share ${n} seeds: Wilcoxon's test cannot come below p = ${leastWilcoxonP(n)} with fewer than 6`,
        groups,
      ),
    );
  if (n > 1 && differences.every((difference) => difference === differences[0]))
    warnings.push(
      warn('EQUAL_VALUES', `${names} differ by the same in all ${n} seeds: there is no spread to test by`, groups),
    );
  return warnings;
}
