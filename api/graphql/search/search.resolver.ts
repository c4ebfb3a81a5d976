import { Arg, Ctx, FieldResolver, Int, Query, Resolver, Root } from 'type-graphql';
import type { ApiContext } from '../../context/context';
import { checkedPreset } from '../../definition/preset-definition';
import { planExperiment } from '../../planning/plan.service';
import { searchResults } from '../../search/search-result.service';
import { invalidInput } from '../../shared/errors';
import { listCost } from '../../shared/limits';
import { ExperimentInput } from '../experiments/definition.input';
import { ExperimentType } from '../experiments/experiment.type';
import { PresetExperimentInput } from '../presets/preset.input';
import { PlanResult, SearchResult } from './search.type';

const slotsDescription = 'Runs at a time, for the wall clock; those of this service when left out.';

@Resolver(() => ExperimentType)
export class SearchResolver {
  @Query(() => PlanResult, {
    description: 'Counts the runs of a definition and prices them by earlier runs, without storing anything.',
  })
  planExperiment(
    @Ctx() { services }: ApiContext,
    @Arg('input', () => ExperimentInput, { description: 'The definition.' }) input: ExperimentInput,
    @Arg('slots', () => Int, { nullable: true, description: slotsDescription }) slots: number | null,
  ) {
    return planExperiment(services, input, slots);
  }

  @Query(() => PlanResult, { description: 'As `planExperiment`, for what `createExperimentFromPreset` would make.' })
  async planPreset(
    @Ctx() { services }: ApiContext,
    @Arg('input', () => PresetExperimentInput, { description: 'Which preset, and what to run it on.' })
    input: PresetExperimentInput,
    @Arg('slots', () => Int, { nullable: true, description: slotsDescription }) slots: number | null,
  ) {
    const definition = checkedPreset(input);
    return definition.kind === 'invalid'
      ? invalidInput(definition.problems)
      : planExperiment(services, definition.value, slots);
  }

  @FieldResolver(() => [SearchResult], {
    description: 'Of every variant with several points the one best on dev, with its score on test.',
    complexity: listCost(),
  })
  searchResults(@Root() { id }: ExperimentType, @Ctx() { services }: ApiContext): Promise<SearchResult[]> {
    return searchResults(services, id);
  }
}
