import type { Server } from 'node:http';
import { ApolloServer, type ApolloServerPlugin, HeaderMap } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { expressMiddleware } from '@as-integrations/express5';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { GraphQLError } from 'graphql';
import { dashboardRoutes, type PageOptions } from '../../dashboard/serve';
import type { ApiContext } from '../context/context';
import { checkTextOnce } from '../graphql/kept-checks';
import { checkOperation, type GraphqlOptions } from '../graphql/operation';
import { maskError } from '../shared/errors';
import { limits } from '../shared/limits';
import { exportRoutes } from './export-http';
import { isFromHere } from './origin';

/** Serves the dashboard at /, its explorer at /explorer, GraphQL at /graphql, exports at /export and whether all is well at /health. */
export async function serveGraphqlHttp(
  app: Express,
  http: Server,
  options: GraphqlOptions & { health(): object; page: PageOptions },
): Promise<{ close(): Promise<void> }> {
  const apollo = new ApolloServer<ApiContext>({
    schema: options.schema,
    introspection: options.introspection,
    csrfPrevention: true,
    includeStacktraceInErrorResponses: false,
    // The server itself decides when to stop.
    stopOnTerminationSignals: false,
    // By the guard, which bounds its time.
    dangerouslyDisableValidation: true,
    formatError: (_formatted, error) => maskError(error).toJSON(),
    plugins: [
      guardPlugin(options),
      ApolloServerPluginDrainHttpServer({ httpServer: http }),
      // Answers are not cached anywhere, and the plugin would be called at every field.
      ApolloServerPluginCacheControlDisabled(),
    ],
  });
  await apollo.start();
  app.disable('x-powered-by');
  app.use((request, response, next) => {
    if (isFromHere(request, options.access.open)) next();
    else response.status(403).json(problem('requests from other origins are not answered'));
  });
  // First, since every other route would be tried before it.
  app.use(
    '/graphql',
    // A compressed body, which may be a thousand times as large, is refused (415).
    express.json({ limit: limits.bodyBytes, inflate: false }),
    textGuard,
    expressMiddleware(apollo, {
      context: async ({ req }): Promise<ApiContext> => {
        const outcome = await options.access.authenticate(req.headers.authorization);
        if (outcome.kind === 'viewer') return { services: options.services, viewer: outcome.viewer };
        throw new GraphQLError(outcome.message, { extensions: { code: 'UNAUTHENTICATED', http: { status: 401 } } });
      },
    }),
  );
  app.get('/health', (_request, response) => {
    response.json(options.health());
  });
  app.use(exportRoutes(options));
  app.use(dashboardRoutes(options.page));
  app.use(bodyProblems);
  return { close: () => apollo.stop() };
}

/** Refuses a text that is beyond a limit before Apollo Server sees it: its parser calls itself for every level. */
const textGuard: RequestHandler = (request, response, next) => {
  const query: unknown = request.body?.query ?? request.query.query;
  const problems = typeof query === 'string' ? textProblems(query) : [];
  if (problems.length === 0) next();
  else response.status(400).json({ errors: problems.map((error) => maskError(error)) });
};

function textProblems(text: string): readonly GraphQLError[] {
  try {
    return checkTextOnce(text);
  } catch (error) {
    // A syntax error, which Apollo Server tells in its own way.
    if (error instanceof GraphQLError) return [];
    throw error;
  }
}

/** Validates in place of Apollo Server, which has no limit on the time that it takes. */
function guardPlugin(options: GraphqlOptions): ApolloServerPlugin<ApiContext> {
  return {
    async requestDidStart() {
      return {
        async responseForOperation({ document, operation, request }) {
          if (operation?.operation === 'subscription') return refusal([subscriptionsElsewhere]);
          const problems = checkOperation(options, document, request);
          return problems.length === 0 ? null : refusal(problems);
        },
      };
    },
  };
}

const refusal = (errors: readonly GraphQLError[]) => ({
  body: { kind: 'single' as const, singleResult: { errors: errors.map((error) => maskError(error).toJSON()) } },
  http: { status: 400, headers: new HeaderMap() },
});

const subscriptionsElsewhere = new GraphQLError(
  'subscriptions are answered over a WebSocket alone: connect to this address by the protocol graphql-transport-ws',
  { extensions: { code: 'BAD_REQUEST' } },
);

const problem = (message: string) => ({ errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] });

/** A body that is too large or no JSON never reaches GraphQL. */
const bodyProblems: ErrorRequestHandler = (error, _request, response, _next) => {
  const { status = 500, type } = error as { status?: number; type?: string };
  if (type === 'entity.too.large')
    response.status(413).json(problem(`the body has more than ${limits.bodyBytes} bytes`));
  else if (status < 500) response.status(status).json(problem(`the body cannot be read: ${error.message}`));
  else response.status(500).json({ errors: [maskError(error).toJSON()] });
};
