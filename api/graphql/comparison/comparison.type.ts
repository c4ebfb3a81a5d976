import { GraphQLSafeInt } from 'graphql-scalars';
import { createUnionType, Field, Float, ID, InputType, Int, ObjectType, registerEnumType } from 'type-graphql';
import type { MetricDescription } from '../../../contract/metrics';
import type { ComparisonPoint as Point } from '../../comparison/comparison';
import type { Comparison as Outcome } from '../../comparison/comparison.service';
import type { ComparedPairs as Pairs } from '../../comparison/request';
import type { RunState as RunStateName } from '../../database/tables';
import { isFailure } from '../../shared/errors';
import { listCost } from '../../shared/limits';
import { failureTypeNames, InvalidInput } from '../common/failures.type';
import { Metric } from '../metrics/metric.type';
import { RunState } from '../runs/run.input';
import { ComparisonWarning, Interval } from './pair.type';

export const ComparisonPoint: Record<Point['kind'], Point['kind']> = {
  EPOCH: 'EPOCH',
  WALL_CLOCK: 'WALL_CLOCK',
  BEST_ON_DEV: 'BEST_ON_DEV',
  BEST_ON_TEST: 'BEST_ON_TEST',
  FINAL: 'FINAL',
};
registerEnumType(ComparisonPoint, {
  name: 'ComparisonPoint',
  description: 'At which moment of their training runs are compared.',
  valuesConfig: {
    EPOCH: { description: 'At the end of the epoch `epoch`.' },
    WALL_CLOCK: { description: 'At the last evaluation within `seconds` of training.' },
    BEST_ON_DEV: {
      description: "At the epoch that selected the run's model: the best on dev by `selectBy`, the earliest of equals.",
    },
    BEST_ON_TEST: {
      description:
        'At the epoch where the compared metric, one of the test set, is itself best, as the maxima in papers are. The values are too good, and the answer is marked: `selectedOnTest`.',
    },
    FINAL: { description: 'At the last epoch.' },
  },
});

export const ComparedPairs: Record<Pairs, Pairs> = { WITH_BASELINE: 'WITH_BASELINE', ALL: 'ALL' };
registerEnumType(ComparedPairs, {
  name: 'ComparedPairs',
  description: 'Which groups are tested against each other. The more pairs, the more Holm corrects.',
  valuesConfig: {
    WITH_BASELINE: { description: 'Every other group against the baseline; none without a baseline.' },
    ALL: { description: 'Every group against every other.' },
  },
});

@InputType({ description: 'A moment of the training.' })
export class ComparisonPointInput {
  @Field(() => ComparisonPoint, { description: 'Which kind of moment.' })
  point: Point['kind'];

  @Field(() => Int, { nullable: true, description: 'For EPOCH: which one.' })
  epoch?: number | null;

  @Field(() => Float, { nullable: true, description: 'For WALL_CLOCK: the budget.' })
  seconds?: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'The value of one run that is compared.' })
export class SeedValue {
  @Field(() => ID, { description: 'The run.' })
  runId: string;

  @Field(() => GraphQLSafeInt, { description: 'Its seed.' })
  seed: number;

  @Field(() => Int, { description: 'The epoch it is from.' })
  epoch: number;

  @Field(() => Float, { description: 'Wall clock of the training up to there.' })
  elapsedSeconds: number;

  @Field(() => Float, { description: 'The value.' })
  value: number;
}

@ObjectType({ simpleResolvers: true, description: 'A run that has nothing to compare.' })
export class MissingRun {
  @Field(() => ID, { description: 'The run.' })
  runId: string;

  @Field(() => GraphQLSafeInt, { description: 'Its seed.' })
  seed: number;

  @Field(() => RunState, { description: 'Where it is in its life.' })
  state: RunStateName;

  @Field(() => String, { description: 'Why it has no value.' })
  reason: string;
}

@ObjectType({ simpleResolvers: true, description: 'What tells a group from the others.' })
export class GroupLabel {
  @Field(() => String, { description: '`variant`, `method`, `experiment` or a hyper-parameter.' })
  name: string;

  @Field(() => String, { nullable: true, description: 'Its value; null: the runs do not read this hyper-parameter.' })
  value: string | null;
}

@ObjectType({
  simpleResolvers: true,
  description: 'Runs alike in everything but the seed (or in what `groupBy` names), and what they say.',
})
export class ComparedGroup {
  @Field(() => ID, { description: 'Id of the group; the group id of its runs unless `groupBy` was given.' })
  id: string;

  @Field(() => String, { description: 'Name of the variant, or what `groupBy` names.' })
  name: string;

  @Field(() => [GroupLabel], { description: 'What tells it from the others.' })
  labels: GroupLabel[];

  @Field(() => Int, { description: 'Runs with a value.' })
  n: number;

  @Field(() => Float, { nullable: true, description: 'Mean; null without values.' })
  mean: number | null;

  @Field(() => Float, {
    nullable: true,
    description: 'Standard deviation over the runs, with n - 1 in the denominator; null below two values.',
  })
  standardDeviation: number | null;

  @Field(() => Interval, {
    nullable: true,
    description: "95 % interval of the mean, by Student's t with n - 1 degrees of freedom; null below two values.",
  })
  interval: Interval | null;

  @Field(() => Float, { nullable: true, description: 'Smallest value.' })
  min: number | null;

  @Field(() => Float, { nullable: true, description: 'Largest value.' })
  max: number | null;

  @Field(() => SeedValue, { nullable: true, description: 'The best run, the first of equals.' })
  best: SeedValue | null;

  @Field(() => SeedValue, { nullable: true, description: 'The worst run, the first of equals.' })
  worst: SeedValue | null;

  @Field(() => [SeedValue], { description: 'Every value, in the order of the runs.', complexity: listCost() })
  values: SeedValue[];

  @Field(() => [MissingRun], { description: 'Runs that are left out, each with why.', complexity: listCost() })
  missing: MissingRun[];

  @Field(() => Float, {
    nullable: true,
    description:
      'Mean minus the mean of the baseline, each over all its runs (`pairs` has the difference over shared seeds); null without a baseline, and for the baseline itself.',
  })
  difference: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'Groups of runs, compared by one metric.' })
export class Comparison {
  @Field(() => String, { description: 'The metric.' })
  metric: string;

  @Field(() => Metric, { description: 'Title, unit and direction of the metric.' })
  metricDescription: MetricDescription;

  @Field(() => ID, { nullable: true, description: 'Id of the group the others are measured against.' })
  baseline: string | null;

  @Field(() => [ComparedGroup], {
    description: 'The groups, in the order of their first runs.',
    complexity: listCost(),
  })
  groups: ComparedGroup[];

  @Field(() => Boolean, {
    description: 'Whether epochs were selected by the test set, so that every value is too good.',
  })
  selectedOnTest: boolean;

  @Field(() => [String], {
    description: 'In what the data or splits of the runs differ; empty unless `allowDifferentData` was set.',
  })
  dataDifferences: string[];

  @Field(() => [ComparisonWarning], {
    description: 'What a reader must know: runs left out, too few runs, pooled definitions.',
    complexity: listCost(),
  })
  warnings: ComparisonWarning[];

  /** Resolved where they are asked for (comparison.resolver.ts). */
  tests: Outcome['tests'];
}

export const CompareResult = createUnionType({
  name: 'CompareResult',
  description: 'The comparison, or why there is none.',
  types: () => [Comparison, InvalidInput] as const,
  resolveType: (outcome: object) => (isFailure(outcome) ? failureTypeNames[outcome.kind] : 'Comparison'),
});
