import { Arg, Ctx, FieldResolver, Float, ID, Int, Query, Resolver, Root } from 'type-graphql';
import { compare } from '../../comparison/comparison.service';
import type { ComparedPairs as Pairs } from '../../comparison/request';
import { pairsNeeded } from '../../comparison/statistics/power';
import type { ApiContext } from '../../context/context';
import { badArguments } from '../../shared/errors';
import { listCost } from '../../shared/limits';
import { ComparedPairs, CompareResult, Comparison, ComparisonPointInput } from './comparison.type';
import { ComparedPair, HolmFamilies } from './pair.type';

/** Tests read the predictions of every run and resample their rows, whatever is asked of the pairs. */
const pairsCost = ({ childComplexity }: { childComplexity: number }): number => 1500 + listCost()({ childComplexity });

@Resolver(() => Comparison)
export class ComparisonResolver {
  @Query(() => CompareResult, {
    description:
      'Compares groups of runs by one metric: mean, spread and interval over seeds, and tests of pairs with a verdict in words.',
  })
  async compare(
    @Ctx() { services }: ApiContext,
    @Arg('experimentIds', () => [ID], { description: 'Whose runs.' }) experimentIds: string[],
    @Arg('metric', () => String, { description: 'A metric of evaluations, such as `test/accuracy`.' }) metric: string,
    @Arg('at', () => ComparisonPointInput, {
      defaultValue: { point: 'BEST_ON_DEV' },
      description: 'At which moment of their training.',
    })
    at: ComparisonPointInput,
    @Arg('baseline', () => String, {
      nullable: true,
      description: 'Id or name of the group that the others are measured and tested against.',
    })
    baseline: string | null,
    @Arg('groupBy', () => [String], {
      nullable: true,
      description:
        'What tells groups apart: `variant`, `method`, `experiment`, hyper-parameters. Everything but the seed when left out.',
    })
    groupBy: string[] | null,
    @Arg('pairs', () => ComparedPairs, {
      defaultValue: 'WITH_BASELINE',
      description: 'Which groups are tested against each other.',
    })
    pairs: Pairs,
    @Arg('allowDifferentData', () => Boolean, {
      defaultValue: false,
      description: 'Compare runs of different data or splits nevertheless; the answer is marked. Refused otherwise.',
    })
    allowDifferentData: boolean,
  ) {
    const chosen = { baseline: baseline ?? null, groupBy: groupBy ?? null, pairs, allowDifferentData };
    return await compare(services, { experimentIds, metric, at, ...chosen });
  }

  @FieldResolver(() => Boolean, {
    description: 'Whether a larger value is better; false for a metric without a better direction.',
  })
  higherIsBetter(@Root() { metricDescription }: Comparison): boolean {
    return metricDescription.better === 'higher';
  }

  @FieldResolver(() => [ComparedPair], { description: 'The tested pairs.', complexity: pairsCost })
  async pairs(@Root() { tests }: Comparison) {
    return (await tests()).pairs;
  }

  @FieldResolver(() => HolmFamilies, { description: 'The families within which p-values are corrected.' })
  async families(@Root() { tests }: Comparison) {
    return (await tests()).families;
  }
}

@Resolver(() => ComparedPair)
export class ComparedPairResolver {
  @FieldResolver(() => Int, {
    nullable: true,
    description:
      'Seeds it takes to find a true difference of this size with a power of 80 % by a paired t test at 5 %, if the differences go on to spread as they do. null: the spread is not known, or more than 10,000.',
  })
  seedsNeeded(
    @Root() { standardDeviation }: ComparedPair,
    @Arg('difference', () => Float, { description: 'In units of the metric: 0.01 is one point of accuracy.' })
    difference: number,
  ): number | null {
    if (!(difference > 0))
      throw badArguments([{ path: 'difference', message: `${difference} given: a size above 0 is needed` }]);
    return standardDeviation ? pairsNeeded(difference / standardDeviation) : null;
  }
}
