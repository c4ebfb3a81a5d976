import { createApiSchema } from '../graphql/schema';
import { apiGatewayConnections } from './connections';
import { readEnvironment } from './environment';
import { createLiveUpdatesHandler } from './live-updates';
import { queueHints } from './queues';
import { openStores } from './stores';

const environment = readEnvironment('fan-out');
const [schema, stores] = await Promise.all([createApiSchema(), openStores(environment)]);

export const handler = createLiveUpdatesHandler({
  schema,
  // What an operation may ask was decided when it was taken.
  introspection: true,
  stores,
  hints: queueHints(environment),
  connections: apiGatewayConnections(environment),
});
