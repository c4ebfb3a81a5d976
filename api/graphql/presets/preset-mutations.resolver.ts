import { Arg, Authorized, Ctx, Mutation, Resolver } from 'type-graphql';
import type { ApiContext } from '../../context/context';
import { checkedPreset } from '../../definition/preset-definition';
import { createExperiment } from '../../experiments/experiment.service';
import { invalidInput } from '../../shared/errors';
import { launchDescription } from '../experiments/definition.input';
import { CreateExperimentResult } from '../experiments/experiment-results.type';
import { experimentPayload } from '../experiments/experiment-view';
import { PresetExperimentInput } from './preset.input';

@Resolver()
export class PresetMutationsResolver {
  @Authorized('editor')
  @Mutation(() => CreateExperimentResult, {
    description: "Defines one of the thesis's experiments by its name, as `createExperiment` would.",
  })
  async createExperimentFromPreset(
    @Ctx() { services }: ApiContext,
    @Arg('input', () => PresetExperimentInput, { description: 'Which one, and what to run it on.' })
    input: PresetExperimentInput,
    @Arg('launch', () => Boolean, { defaultValue: false, description: launchDescription }) launch: boolean,
  ) {
    const { clientRequestId, ...given } = input;
    const definition = checkedPreset(given);
    if (definition.kind === 'invalid') return invalidInput(definition.problems);
    return experimentPayload(await createExperiment(services, definition.value, { clientRequestId, launch }));
  }
}
