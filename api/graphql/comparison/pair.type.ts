import { GraphQLSafeInt } from 'graphql-scalars';
import { Field, Float, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import type { McNemar as McNemarTest } from '../../comparison/statistics/mcnemar';
import type { Wilcoxon as WilcoxonTest } from '../../comparison/statistics/wilcoxon';
import type { VerdictKind as Kind } from '../../comparison/verdict';
import { type WarningKind, warningKinds } from '../../comparison/warnings';
import { listCost } from '../../shared/limits';

/** The keys of a record as the values of an enumeration. */
const enumOf = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, name])) as Record<Name, Name>;

export const ComparisonWarningKind = enumOf(Object.keys(warningKinds) as WarningKind[]);
registerEnumType(ComparisonWarningKind, {
  name: 'ComparisonWarningKind',
  description: 'What kind of thing a reader of a comparison must know.',
  valuesConfig: Object.fromEntries(Object.entries(warningKinds).map(([kind, description]) => [kind, { description }])),
});

export const VerdictKind: Record<Kind, Kind> = enumOf(['BETTER', 'WORSE', 'DIFFERENT', 'NO_EVIDENCE', 'NOT_TESTED']);
registerEnumType(VerdictKind, {
  name: 'VerdictKind',
  description: 'What a pair comes to. The paired t test decides, at 5 % after the correction of Holm.',
  valuesConfig: {
    BETTER: { description: 'The group is better than the other.' },
    WORSE: { description: 'The group is worse than the other.' },
    DIFFERENT: { description: 'The groups differ in a metric without a better direction.' },
    NO_EVIDENCE: { description: 'No evidence of a difference, which is no evidence that there is none.' },
    NOT_TESTED: { description: 'Too few shared seeds, or nothing that varies.' },
  },
});

export const WilcoxonMethod: Record<WilcoxonTest['method'], WilcoxonTest['method']> = enumOf(['EXACT', 'NORMAL']);
registerEnumType(WilcoxonMethod, {
  name: 'WilcoxonMethod',
  description: 'How the p of the signed-rank test came about.',
  valuesConfig: {
    EXACT: { description: 'Over all assignments of signs, ties included; up to 50 differences.' },
    NORMAL: { description: 'By the normal approximation with the correction for ties.' },
  },
});

export const McNemarMethod: Record<McNemarTest['method'], McNemarTest['method']> = enumOf(['EXACT', 'CHI_SQUARE']);
registerEnumType(McNemarMethod, {
  name: 'McNemarMethod',
  description: "How the p of McNemar's test came about.",
  valuesConfig: {
    EXACT: { description: 'Binomial; with fewer than 25 discordant rows.' },
    CHI_SQUARE: { description: 'Chi-square with the continuity correction.' },
  },
});

@ObjectType({ simpleResolvers: true, description: 'What a reader of a comparison must know.' })
export class ComparisonWarning {
  @Field(() => ComparisonWarningKind, { description: 'What kind of thing.' })
  kind: WarningKind;

  @Field(() => String, { description: 'What it is, for a reader.' })
  message: string;

  @Field(() => [ID], { description: 'Ids of the groups it is about; none: the whole comparison.' })
  groups: string[];
}

@ObjectType({
  simpleResolvers: true,
  description: 'An interval that holds what it is about in 95 of 100 such experiments.',
})
export class Interval {
  @Field(() => Float, { description: 'Lower end.' })
  low: number;

  @Field(() => Float, { description: 'Upper end.' })
  high: number;
}

@ObjectType({ simpleResolvers: true, description: "Student's t test of the differences by seed: is their mean 0?" })
export class PairedTTest {
  @Field(() => Float, { description: 'Mean over its standard error.' })
  statistic: number;

  @Field(() => Int, { description: 'Shared seeds - 1.' })
  degreesOfFreedom: number;

  @Field(() => Float, { description: 'Two-sided p.' })
  p: number;

  @Field(() => Float, { description: 'p corrected by Holm for all paired t tests of the answer.' })
  holmP: number;
}

@ObjectType({
  simpleResolvers: true,
  description: "Wilcoxon's signed-rank test of the differences by seed, which asks for no normal distribution.",
})
export class WilcoxonSignedRank {
  @Field(() => Float, { description: 'The smaller of the two sums of ranks.' })
  statistic: number;

  @Field(() => Int, { description: 'Differences that are ranked: those that are not 0.' })
  ranked: number;

  @Field(() => Int, { description: 'Differences of 0, which are dropped.' })
  zeros: number;

  @Field(() => WilcoxonMethod, { description: 'How p came about.' })
  method: WilcoxonTest['method'];

  @Field(() => Float, { description: 'Two-sided p; with n seeds never below 2^(1 - n).' })
  p: number;

  @Field(() => Float, { description: 'p corrected by Holm for all signed-rank tests of the answer.' })
  holmP: number;
}

@ObjectType({
  simpleResolvers: true,
  description: 'The mean difference in units of the standard deviation of the differences.',
})
export class EffectSize {
  @Field(() => Float, { description: "Cohen's d_z." })
  cohenDz: number;

  @Field(() => Float, {
    nullable: true,
    description: 'd_z without the bias of few pairs (Hedges); null with two seeds, where nothing would be left.',
  })
  hedgesGz: number | null;
}

@ObjectType({
  simpleResolvers: true,
  description: "McNemar's test of the two runs of one seed, on stored predictions.",
})
export class SeedMcNemar {
  @Field(() => GraphQLSafeInt, { description: 'The seed.' })
  seed: number;

  @Field(() => Int, { description: 'Rows both were asked.' })
  rows: number;

  @Field(() => Int, { description: 'Rows that the group alone got right.' })
  first: number;

  @Field(() => Int, { description: 'Rows that the other group alone got right.' })
  second: number;

  @Field(() => McNemarMethod, { description: 'How p came about.' })
  method: McNemarTest['method'];

  @Field(() => Float, { description: 'Two-sided p.' })
  p: number;
}

@ObjectType({
  simpleResolvers: true,
  description: "McNemar's tests of a pair: does one get more rows right than the other?",
})
export class McNemar {
  @Field(() => [SeedMcNemar], { description: 'The test of each shared seed.', complexity: listCost() })
  seeds: SeedMcNemar[];

  @Field(() => Float, {
    description:
      'One p for all seeds, which share their rows: n / k times the k-th smallest one-sided p, k half of n rounded up (Rueger), in the direction that speaks louder, doubled.',
  })
  p: number;

  @Field(() => Float, { description: "p corrected by Holm for all pairs' combined tests of the answer." })
  holmP: number;
}

@ObjectType({ simpleResolvers: true, description: 'The difference when seeds and rows are drawn anew.' })
export class Bootstrap {
  @Field(() => Interval, {
    description:
      'Seeds and rows are drawn with replacement, each by itself, both groups seeing the same draw (pigeonhole bootstrap); 2.5 % and 97.5 % quantiles. Says what other test rows could do, which the t interval cannot.',
  })
  interval: Interval;

  @Field(() => Int, { description: 'Resamples; always the same ones for as many rows and seeds.' })
  resamples: number;

  @Field(() => Int, { description: 'Seeds drawn from.' })
  seeds: number;

  @Field(() => Int, { description: 'Rows drawn from.' })
  rows: number;
}

@ObjectType({ simpleResolvers: true, description: 'What a pair comes to, in words.' })
export class Verdict {
  @Field(() => VerdictKind, { description: 'What it comes to.' })
  kind: Kind;

  @Field(() => String, { description: 'How much and how sure, for a reader who knows no statistics.' })
  text: string;
}

@ObjectType({
  simpleResolvers: true,
  description: 'A group tested against another, seed by seed. Differences are the group minus the other.',
})
export class ComparedPair {
  @Field(() => ID, { description: 'Id of the group.' })
  groupId: string;

  @Field(() => String, { description: 'Name of the group.' })
  name: string;

  @Field(() => ID, { description: 'Id of the group it is tested against.' })
  againstId: string;

  @Field(() => String, { description: 'Name of the group it is tested against.' })
  againstName: string;

  @Field(() => Verdict, { description: 'What it comes to.' })
  verdict: Verdict;

  @Field(() => [GraphQLSafeInt], { description: 'Seeds that both have: every test rests on them.' })
  seeds: number[];

  @Field(() => [GraphQLSafeInt], { description: 'Seeds that one of them has alone, and no test uses.' })
  unpairedSeeds: number[];

  @Field(() => Float, { nullable: true, description: 'Mean difference over the shared seeds; null without any.' })
  difference: number | null;

  @Field(() => Float, { nullable: true, description: 'Standard deviation of the differences; null below two seeds.' })
  standardDeviation: number | null;

  @Field(() => Interval, {
    nullable: true,
    description:
      "95 % interval of the difference by Student's t, of this pair alone: Holm corrects p-values, not intervals. null below two seeds, and where all differences are equal.",
  })
  interval: Interval | null;

  @Field(() => PairedTTest, {
    nullable: true,
    description: 'null below two seeds, and where all differences are equal.',
  })
  tTest: PairedTTest | null;

  @Field(() => WilcoxonSignedRank, {
    nullable: true,
    description: 'null below two seeds, and where all differences are 0.',
  })
  wilcoxon: WilcoxonSignedRank | null;

  @Field(() => EffectSize, { nullable: true, description: 'null where the paired t test is.' })
  effectSize: EffectSize | null;

  @Field(() => McNemar, {
    nullable: true,
    description: 'null for metrics of no split, and where the warnings say why.',
  })
  mcNemar: McNemar | null;

  @Field(() => Bootstrap, {
    nullable: true,
    description:
      'null for metrics that predictions do not give (accuracy and macro F1 they do), and where the warnings say why.',
  })
  bootstrap: Bootstrap | null;

  @Field(() => Float, {
    nullable: true,
    description: 'The least true difference that so many seeds with this spread find with a power of 80 %.',
  })
  detectable: number | null;

  @Field(() => [ComparisonWarning], { description: 'What a reader of this pair must know.', complexity: listCost() })
  warnings: ComparisonWarning[];
}

@ObjectType({
  simpleResolvers: true,
  description: 'How many tests of each kind the answer holds: the families within which Holm corrects.',
})
export class HolmFamilies {
  @Field(() => Int, { description: 'Paired t tests.' })
  tTests: number;

  @Field(() => Int, { description: 'Signed-rank tests.' })
  wilcoxons: number;

  @Field(() => Int, { description: "McNemar's tests, each combined over seeds." })
  mcNemars: number;
}
