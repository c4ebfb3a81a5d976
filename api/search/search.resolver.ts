import { Arg, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import type { ApiContext } from '../context';
import { ExperimentInput } from '../experiments/definition.input';
import { ExperimentType } from '../experiments/experiment.type';
import { listCost } from '../limits';
import { planExperiment } from './plan.service';
import { PlanResult, SearchResult } from './search.type';
import { searchResults } from './search-result.service';

@Resolver(() => ExperimentType)
export class SearchResolver {
  @Query(() => PlanResult, {
    description: 'Counts the runs of a definition and prices them by earlier runs, without storing anything.',
  })
  planExperiment(
    @Ctx() { services }: ApiContext,
    @Arg('input', () => ExperimentInput, { description: 'The definition.' }) input: ExperimentInput,
  ) {
    return planExperiment(services, input);
  }

  @FieldResolver(() => [SearchResult], {
    description: 'Of every variant with several points the one best on dev, with its score on test.',
    complexity: listCost(),
  })
  searchResults(@Root() { id }: ExperimentType, @Ctx() { services }: ApiContext): Promise<SearchResult[]> {
    return searchResults(services, id);
  }
}
