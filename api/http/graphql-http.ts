import type { Server } from 'node:http';
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { expressMiddleware } from '@as-integrations/express5';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { GraphQLError } from 'graphql';
import { dashboardRoutes } from '../../dashboard/serve';
import type { GraphqlOptions } from '../graphql/operation';
import type { ApiContext } from '../shared/context';
import { maskError } from '../shared/errors';
import { checkLimits, limits } from '../shared/limits';
import { explorerPage } from './explorer';
import { exportRoutes } from './export-http';
import { isFromHere } from './origin';

/** Serves the dashboard at /, GraphQL at /graphql, its explorer at /explorer, exports at /export and whether all is well at /health. */
export async function serveGraphqlHttp(
  app: Express,
  http: Server,
  options: GraphqlOptions & { health(): object },
): Promise<{ close(): Promise<void> }> {
  const apollo = new ApolloServer<ApiContext>({
    schema: options.schema,
    introspection: options.introspection,
    csrfPrevention: true,
    includeStacktraceInErrorResponses: false,
    // The server itself decides when to stop.
    stopOnTerminationSignals: false,
    parseOptions: { maxTokens: limits.tokens },
    formatError: (_formatted, error) => maskError(error).toJSON(),
    plugins: [limitsPlugin(options), ApolloServerPluginDrainHttpServer({ httpServer: http })],
  });
  await apollo.start();
  app.disable('x-powered-by');
  app.use((request, response, next) => {
    if (isFromHere(request, options.access.open)) next();
    else response.status(403).json(problem('requests from other origins are not answered'));
  });
  app.get('/health', (_request, response) => {
    response.json(options.health());
  });
  app.use(exportRoutes(options));
  app.use(dashboardRoutes());
  app.get('/explorer', async (request, response) => {
    const { plain, compressed } = await explorerPage();
    response.set({ 'Content-Type': 'text/html; charset=utf-8', Vary: 'Accept-Encoding' });
    if (request.acceptsEncodings('gzip')) response.set('Content-Encoding', 'gzip').send(compressed);
    else response.send(plain);
  });
  app.use(
    '/graphql',
    express.json({ limit: limits.bodyBytes }),
    expressMiddleware(apollo, {
      context: async ({ req }): Promise<ApiContext> => {
        const outcome = await options.access.authenticate(req.headers.authorization);
        if (outcome.kind === 'viewer') return { services: options.services, viewer: outcome.viewer };
        throw new GraphQLError(outcome.message, { extensions: { code: 'UNAUTHENTICATED', http: { status: 401 } } });
      },
    }),
  );
  app.use(bodyProblems);
  return { close: () => apollo.stop() };
}

/** Refuses an operation that is beyond a limit, before anything of it is executed. */
function limitsPlugin({ schema }: GraphqlOptions): ApolloServerPlugin<ApiContext> {
  return {
    async requestDidStart() {
      return {
        async didResolveOperation({ document, operation, request }) {
          if (operation?.operation === 'subscription') throw refused(subscriptionsElsewhere, 'BAD_REQUEST');
          const beyond = limitProblems(() =>
            checkLimits(schema, document, request.variables ?? {}, request.operationName),
          );
          if (beyond !== null) throw beyond;
        },
      };
    },
  };
}

/** What Apollo takes as the one error of a request that is not carried out. It answers 500 where no status is given. */
function limitProblems(check: () => GraphQLError[]): GraphQLError | null {
  try {
    const beyond = check();
    return beyond.length === 0 ? null : refused(beyond.map(({ message }) => message).join('; '), 'LIMIT_EXCEEDED');
  } catch (error) {
    // The cost is that of the variables, so they are read here first.
    if (error instanceof GraphQLError) return refused(error.message, 'BAD_USER_INPUT');
    throw error;
  }
}

const refused = (message: string, code: string) =>
  new GraphQLError(message, { extensions: { code, http: { status: 400 } } });

const subscriptionsElsewhere =
  'subscriptions are answered over a WebSocket alone: connect to this address by the protocol graphql-transport-ws';

const problem = (message: string) => ({ errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] });

/** A body that is too large or no JSON never reaches GraphQL. */
const bodyProblems: ErrorRequestHandler = (error, _request, response, _next) => {
  const { status = 500, type } = error as { status?: number; type?: string };
  if (type === 'entity.too.large')
    response.status(413).json(problem(`the body has more than ${limits.bodyBytes} bytes`));
  else if (status < 500) response.status(status).json(problem(`the body cannot be read: ${error.message}`));
  else response.status(500).json({ errors: [maskError(error).toJSON()] });
};
