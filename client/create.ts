import type { Api } from './graphql';

interface Created {
  created: { experiment?: { id: string }; problems?: { path: string; message: string }[] };
}

/**
 * Creates and launches an experiment; null where its definition is wrong, with all problems told.
 * @param mutation `createExperiment` or `createExperimentFromPreset`
 * @param inputType of its argument `input`
 */
export async function launch(
  api: Api,
  mutation: 'createExperiment' | 'createExperimentFromPreset',
  inputType: string,
  input: object,
): Promise<string | null> {
  const { created } = await api.request<Created>(
    `mutation Create($input: ${inputType}!) {
      created: ${mutation}(input: $input, launch: true) {
        ... on ExperimentPayload { experiment { id } }
        ... on Failure { problems { path message } }
      }
    }`,
    { input },
  );
  if (created.experiment) return created.experiment.id;
  for (const { path, message } of created.problems ?? []) console.error(`${path}: ${message}`);
  return null;
}
