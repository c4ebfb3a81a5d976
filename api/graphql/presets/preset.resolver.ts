import { Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import { presetNames, presets } from '../../../contract/presets';
import type { ApiContext } from '../../context/context';
import { presentExperiment } from '../../presets/presentation.service';
import { listCost } from '../../shared/limits';
import { ExperimentType } from '../experiments/experiment.type';
import { Preset, ResultTable } from './preset.type';

@Resolver(() => ExperimentType)
export class PresetResolver {
  @Query(() => [Preset], {
    description: 'The experiments of the thesis, with the figures it reports.',
    complexity: listCost(),
  })
  presets(): Preset[] {
    return presetNames.map((name) => presets[name]);
  }

  @FieldResolver(() => [ResultTable], {
    description: 'The outcome in tables, as its preset presents it, beside the figures of the thesis where it has any.',
    complexity: listCost(4),
  })
  async presentation(@Root() { id }: ExperimentType, @Ctx() { services }: ApiContext): Promise<ResultTable[]> {
    return (await presentExperiment(services, id)) ?? [];
  }
}
