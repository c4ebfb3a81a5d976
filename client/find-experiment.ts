import { type Api, ApiError } from './graphql';
import { graphql } from './operation';

const byId = graphql('query ById($id: ID!) { experiment(id: $id) { id } }');

const experimentsNamed = graphql(`query ExperimentsNamed($name: String!) {
  experiments(filter: { OR: [{ name: { eq: $name } }, { name: { startsWith: $name } }] }, first: 20) {
    nodes { id name createdAt }
  }
}`);

/** The id of an experiment given by its id or its name. @throws ApiError where it is none, or one of several */
export async function findExperiment(api: Api, wanted: string): Promise<string> {
  const { experiment } = await api.request(byId, { id: wanted });
  if (experiment !== null) return experiment.id;
  const { experiments } = await api.request(experimentsNamed, { name: wanted });
  const exact = experiments.nodes.filter(({ name }) => name === wanted);
  const found = exact.length > 0 ? exact : experiments.nodes;
  if (found.length === 1) return found[0]!.id;
  if (found.length === 0)
    throw new ApiError(
      `there is no experiment with the id or name "${wanted}" there: see --server and --data-directory`,
    );
  const list = found.map(({ id, name, createdAt }) => `  ${id}  ${name}, created ${createdAt}`).join('\n');
  throw new ApiError(`"${wanted}" may be any of these; give the id of one:\n${list}`);
}
