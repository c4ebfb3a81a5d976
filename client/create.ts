import type { Api } from './graphql';
import { graphql, type Operation, type VariablesOf } from './operation';

export const createExperiment = graphql(`mutation CreateExperiment($input: ExperimentInput!) {
  created: createExperiment(input: $input, launch: true) {
    ... on ExperimentPayload { experiment { id } }
    ... on Failure { problems { path message } }
  }
}`);

export const createFromPreset = graphql(`mutation CreateFromPreset($input: PresetExperimentInput!) {
  created: createExperimentFromPreset(input: $input, launch: true) {
    ... on ExperimentPayload { experiment { id } }
    ... on Failure { problems { path message } }
  }
}`);
export type PresetInput = VariablesOf<typeof createFromPreset>['input'];

type Created = { experiment: { id: string } } | { problems: readonly { path: string; message: string }[] };

/** Creates and launches an experiment. @returns its id; null, with all problems printed, if its definition is invalid */
export async function launch<Variables>(
  api: Api,
  operation: Operation<{ created: Created }, Variables>,
  variables: Variables,
): Promise<string | null> {
  const { created } = await api.request(operation, variables);
  if ('experiment' in created) return created.experiment.id;
  for (const { path, message } of created.problems) console.error(`${path}: ${message}`);
  return null;
}
