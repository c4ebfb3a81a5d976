import type { IncomingMessage, Server } from 'node:http';
import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute, GraphQLError } from 'graphql';
import type { Context, SubscribePayload } from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { authorizationOf } from '../access/authentication';
import type { Viewer } from '../access/viewer';
import {
  type GraphqlOptions,
  masked,
  mostOperationsPerSocket,
  prepareOperation,
  smallEnough,
} from '../graphql/operation';
import type { ApiContext } from '../shared/context';
import { maskError } from '../shared/errors';
import { limits } from '../shared/limits';
import { isFromHere } from './origin';

const mostSockets = 1000;

type SocketExtra = Record<PropertyKey, unknown> & { viewer?: Viewer };
type SocketContext = Context<Record<string, unknown>, Extra & SocketExtra>;

/** Serves `graphql-transport-ws` at /graphql of an HTTP server, under the same rules as HTTP. */
export function serveGraphqlSocket(http: Server, options: GraphqlOptions): { close(): Promise<void> } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.bodyBytes });
  http.on('upgrade', (request: IncomingMessage, socket, head) => {
    const refusal = refusalOf(request, sockets.clients.size, options.access.open);
    if (refusal !== null) socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\n\r\n`);
    else sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request));
  });
  const served = useServer<Record<string, unknown>, SocketExtra>(
    {
      async onConnect(context) {
        const given = authorizationOf(context.connectionParams) ?? context.extra.request.headers.authorization;
        const outcome = await options.access.authenticate(given);
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

function prepare(context: SocketContext, payload: SubscribePayload, options: GraphqlOptions) {
  if (Object.keys(context.subscriptions).length > mostOperationsPerSocket)
    return [new GraphQLError(`a connection carries at most ${mostOperationsPerSocket} operations at a time`)];
  return prepareOperation(options, payload, { services: options.services, viewer: context.extra.viewer! });
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
