import { runsPerQueue } from '../../contract/compute';
import { createAccess } from '../access/authentication';
import { createApiSchema } from '../graphql/schema';
import { oidcOf, readEnvironment } from './environment';
import { createHttpApiHandler } from './http-api';
import { invocations } from './invocation';
import { queueHints } from './queues';
import { openStores } from './stores';

const environment = readEnvironment('graphql');
const { readableBuckets, region } = environment;
const [schema, stores] = await Promise.all([createApiSchema(), openStores(environment)]);

export const handler = createHttpApiHandler({
  schema,
  access: createAccess({ tokens: [], oidc: oidcOf(environment) }),
  introspection: environment.introspection,
  begin: invocations(
    { ...stores, readableBuckets, region, slots: runsPerQueue, subscriptionsUrl: environment.subscriptionsUrl },
    queueHints(environment),
  ),
});
