import { Arg, Ctx, ID, Query, Resolver } from 'type-graphql';
import type { ApiContext } from '../context';
import { compare } from './comparison.service';
import { CompareResult, ComparisonPointInput } from './comparison.type';

@Resolver()
export class ComparisonResolver {
  @Query(() => CompareResult, {
    description: 'Compares groups of runs by one metric: mean, spread and interval over seeds.',
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
      description: 'Id or name of the group that the means of the others are measured against.',
    })
    baseline: string | null,
    @Arg('groupBy', () => [String], {
      nullable: true,
      description:
        'What tells groups apart: `variant`, `method`, `experiment`, hyper-parameters. Everything but the seed when left out.',
    })
    groupBy: string[] | null,
  ) {
    const request = { experimentIds, metric, at, baseline: baseline ?? null, groupBy: groupBy ?? null };
    return await compare(services, request);
  }
}
