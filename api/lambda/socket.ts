import { createAccess } from '../access/authentication';
import { createApiSchema } from '../graphql/schema';
import { apiGatewayConnections } from './connections';
import { oidcOf, readEnvironment } from './environment';
import { invocations } from './invocation';
import { queueHints } from './queues';
import { openStoresForReading } from './stores-for-reading';
import { createWebSocketHandler } from './web-socket-api';

const environment = readEnvironment('socket');
const [schema, stores] = await Promise.all([createApiSchema(), openStoresForReading(environment)]);
const hints = queueHints(environment);

export const handler = createWebSocketHandler({
  schema,
  access: createAccess({ tokens: [], oidc: oidcOf(environment) }),
  introspection: environment.introspection,
  hints,
  begin: invocations({ ...stores, subscriptionsUrl: environment.subscriptionsUrl }, hints),
  connections: apiGatewayConnections(environment),
});
