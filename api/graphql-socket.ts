import type { IncomingMessage, Server } from 'node:http';
import {
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import type { Context, SubscribePayload } from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { type AccessToken, authenticate } from './access/tokens';
import type { Viewer } from './access/viewer';
import type { ApiContext, Services } from './context';
import { maskError } from './errors';
import { checkLimits, limits } from './limits';
import { isFromHere } from './origin';

export interface GraphqlOptions {
  schema: GraphQLSchema;
  services: Services;
  tokens: readonly AccessToken[];
  introspection: boolean;
}

/** The largest message sent: that of API Gateway's WebSockets leaves some room, so clients may count on it anywhere. */
export const messageBytes = 24 * 1024;
const mostSockets = 1000;
const mostOperationsPerSocket = 100;

type SocketExtra = Record<PropertyKey, unknown> & { viewer?: Viewer };
type SocketContext = Context<Record<string, unknown>, Extra & SocketExtra>;

/** Serves `graphql-transport-ws` at /graphql of an HTTP server, under the same rules as HTTP. */
export function serveGraphqlSocket(http: Server, options: GraphqlOptions): { close(): Promise<void> } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.bodyBytes });
  http.on('upgrade', (request: IncomingMessage, socket, head) => {
    const refusal = refusalOf(request, sockets.clients.size, options.tokens.length === 0);
    if (refusal !== null) socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\n\r\n`);
    else sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request));
  });
  const served = useServer<Record<string, unknown>, SocketExtra>(
    {
      onConnect(context) {
        const authorization = context.connectionParams?.authorization ?? context.connectionParams?.Authorization;
        const given = typeof authorization === 'string' ? authorization : context.extra.request.headers.authorization;
        const outcome = authenticate(options.tokens, given);
        if (outcome.kind === 'viewer') context.extra.viewer = outcome.viewer;
        return outcome.kind === 'viewer';
      },
      onSubscribe: (context, _id, payload) => prepare(context, payload, options),
      subscribe: subscribeWithOwnContexts,
      onNext: (_context, _id, _payload, _args, result) => smallEnough(masked(result)),
      onError: (_context, _id, _payload, errors) => errors.map((error) => maskError(error).toJSON()),
    },
    sockets,
  );
  return { close: async () => served.dispose() };
}

function refusalOf(request: IncomingMessage, open: number, openAccess: boolean): string | null {
  if (new URL(request.url ?? '', 'http://localhost').pathname !== '/graphql') return '404 Not Found';
  if (!isFromHere(request, openAccess)) return '403 Forbidden';
  return open >= mostSockets ? '503 Service Unavailable' : null;
}

/** An operation as it will be executed, or everything wrong with it. */
function prepare(context: SocketContext, payload: SubscribePayload, options: GraphqlOptions) {
  const { schema, services, introspection } = options;
  if (Object.keys(context.subscriptions).length > mostOperationsPerSocket)
    return [new GraphQLError(`a connection carries at most ${mostOperationsPerSocket} operations at a time`)];
  try {
    const document = parse(payload.query, { maxTokens: limits.tokens });
    const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
    const invalid = validate(schema, document, rules);
    if (invalid.length > 0) return invalid;
    const beyond = checkLimits(schema, document, payload.variables ?? {}, payload.operationName);
    if (beyond.length > 0) return beyond;
    const contextValue = { services, viewer: context.extra.viewer! } satisfies ApiContext;
    return {
      schema,
      document,
      variableValues: payload.variables,
      operationName: payload.operationName,
      contextValue,
    } satisfies ExecutionArgs;
  } catch (error) {
    return [error instanceof GraphQLError ? error : new GraphQLError((error as Error).message)];
  }
}

/** As `subscribe` of graphql-js, with a context for every event: what one event loaded is stale for the next. */
async function subscribeWithOwnContexts(args: ExecutionArgs) {
  const source = await createSourceEventStream(args);
  if (!(Symbol.asyncIterator in source)) return source;
  const events = source[Symbol.asyncIterator]();
  const results: AsyncIterableIterator<ExecutionResult> = {
    async next() {
      const event = await events.next();
      if (event.done) return { done: true, value: undefined };
      const contextValue = { ...(args.contextValue as ApiContext) };
      return { done: false, value: await execute({ ...args, rootValue: event.value, contextValue }) };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  return results;
}

function masked(result: ExecutionResult): ExecutionResult {
  return result.errors === undefined ? result : { ...result, errors: result.errors.map((error) => maskError(error)) };
}

/** An event that is too large becomes an error that says so; the subscription goes on. */
function smallEnough(result: ExecutionResult) {
  const bytes = Buffer.byteLength(JSON.stringify(result));
  if (bytes <= messageBytes) return result;
  const message = `the message has ${bytes} bytes, at most ${messageBytes} are sent: select fewer fields, and query the rest`;
  return { data: null, errors: [new GraphQLError(message, { extensions: { code: 'LIMIT_EXCEEDED' } })] };
}
