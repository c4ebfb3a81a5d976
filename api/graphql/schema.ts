import 'reflect-metadata';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import { buildSchema, type PubSub } from 'type-graphql';
import { ViewerResolver } from './access/viewer.resolver';
import { authorize } from './authorize';
import { Conflict, Failure, InvalidInput, NotFound } from './common/failures.type';
import { ComparedPairResolver, ComparisonResolver } from './comparison/comparison.resolver';
import { ExperimentResolver } from './experiments/experiment.resolver';
import { ExperimentMutationsResolver } from './experiments/experiment-mutations.resolver';
import { RunExperimentResolver } from './experiments/run-experiment.resolver';
import { ExportResolver } from './exports/export.resolver';
import { MethodResolver } from './methods/method.resolver';
import { MetricHistoryResolver } from './metrics/metric-history.resolver';
import { PresetResolver } from './presets/preset.resolver';
import { PresetMutationsResolver } from './presets/preset-mutations.resolver';
import { RunResolver } from './runs/run.resolver';
import { RunMutationsResolver } from './runs/run-mutations.resolver';
import { SearchResolver } from './search/search.resolver';
import { ServiceResolver } from './service/service.resolver';
import { MetricUpdatesResolver } from './subscriptions/metric-updates.resolver';
import { RunUpdatesResolver } from './subscriptions/run-updates.resolver';
import { refuseIllFormedArguments } from './well-formed-arguments';

/** type-graphql asks for one as soon as there is a subscription; ours bring their own sources (api/subscriptions). */
const noTopics: PubSub = {
  publish: () => {
    throw new GraphQLError('subscriptions are not fed by topics');
  },
  subscribe: () => {
    throw new GraphQLError('subscriptions are not fed by topics');
  },
};

/** The whole GraphQL schema, with its resolvers. */
export async function createApiSchema(): Promise<GraphQLSchema> {
  const schema = await buildSchema({
    resolvers: [
      ComparisonResolver,
      ComparedPairResolver,
      ExperimentMutationsResolver,
      ExperimentResolver,
      ExportResolver,
      MethodResolver,
      MetricHistoryResolver,
      MetricUpdatesResolver,
      PresetMutationsResolver,
      PresetResolver,
      RunExperimentResolver,
      RunMutationsResolver,
      RunResolver,
      RunUpdatesResolver,
      SearchResolver,
      ServiceResolver,
      ViewerResolver,
    ],
    orphanedTypes: [Failure, InvalidInput, NotFound, Conflict],
    authChecker: authorize,
    pubSub: noTopics,
    // Inputs are checked by the services, which report all problems as data.
    validate: false,
    // The check is an introspection query, three quarters of the time this takes; `npm run schema` and tests do the same.
    skipCheck: true,
  });
  refuseIllFormedArguments(schema);
  return schema;
}
