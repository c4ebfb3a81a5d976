import type { IncomingMessage, Server } from 'node:http';
import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute, GraphQLError } from 'graphql';
import {
  type Context,
  handleProtocols,
  MessageType,
  makeServer,
  parseMessage,
  type SubscribePayload,
  type Server as WebSocketProtocol,
} from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { authorizationOf } from '../access/authentication';
import type { Viewer } from '../access/viewer';
import {
  type GraphqlOptions,
  masked,
  messageBytes,
  mostOperationsPerSocket,
  prepareOperation,
  smallEnough,
} from '../graphql/operation';
import type { ApiContext } from '../shared/context';
import { maskError } from '../shared/errors';
import { limits } from '../shared/limits';
import { refuseUpgrade, survivesErrors } from './http-server';
import { isFromHere } from './origin';

const mostSockets = 1000;
/** A client that has not answered a ping by the time of the next is gone. */
const pingMilliseconds = 12_000;
/** Bytes that wait for a client to read them: as much as all its operations may send at a time. */
const mostBufferedBytes = mostOperationsPerSocket * messageBytes;
/** Close codes of graphql-transport-ws. */
const closeCodes = { badRequest: 4400, internalError: 4500 } as const;

interface SocketExtra extends Record<PropertyKey, unknown> {
  request: IncomingMessage;
  viewer?: Viewer;
}
type SocketContext = Context<Record<string, unknown>, SocketExtra>;

/** Serves `graphql-transport-ws` at /graphql of an HTTP server, under the same rules as HTTP. */
export function serveGraphqlSocket(http: Server, options: GraphqlOptions): { close(): Promise<void> } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.bodyBytes, handleProtocols });
  const protocol = makeServer<Record<string, unknown>, SocketExtra>({
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
  });
  http.on('upgrade', (request: IncomingMessage, socket, head) => {
    survivesErrors(socket);
    const refusal = refusalOf(request, sockets.clients.size, options.access.open);
    if (refusal !== null) refuseUpgrade(socket, refusal);
    else sockets.handleUpgrade(request, socket, head, (client) => serveClient(protocol, client, request));
  });
  return {
    async close() {
      for (const client of sockets.clients) client.close(1001, 'Going away');
      await new Promise((resolve) => sockets.close(resolve));
    },
  };
}

/** Compared as text: a request target need not be a URL. */
function refusalOf(request: IncomingMessage, open: number, openAccess: boolean): string | null {
  if (request.url?.split('?', 1)[0] !== '/graphql') return '404 Not Found';
  if (!isFromHere(request, openAccess)) return '403 Forbidden';
  return open >= mostSockets ? '503 Service Unavailable' : null;
}

/** Speaks the protocol with one client until either side ends it. What a client does wrong is not logged. */
function serveClient(protocol: WebSocketProtocol<SocketExtra>, client: WebSocket, request: IncomingMessage): void {
  // A broken frame or a reset; `ws` closes the connection itself.
  client.on('error', () => {});
  const stopPinging = pingRegularly(client);
  const onClose = protocol.opened(
    {
      protocol: client.protocol,
      send: (text) => send(client, text),
      close: (code, reason) => client.close(code, reason),
      onMessage: (receive) =>
        client.on('message', (data) => {
          const text = String(data);
          receive(text).catch((error) => endAfter(error, client, text));
        }),
    },
    { request },
  );
  const endUnlessReading = () => {
    if (client.bufferedAmount > mostBufferedBytes) client.terminate();
  };
  client.on('message', endUnlessReading);
  client.on('ping', endUnlessReading);
  client.once('close', (code, reason) => {
    stopPinging();
    Promise.resolve(onClose(code, String(reason))).catch(maskError);
  });
}

/** Resolves when the text is written; also where the client is gone, since then nobody misses it. */
const send = (client: WebSocket, text: string): Promise<void> =>
  new Promise((resolve) => {
    if (client.readyState === client.OPEN) client.send(text, () => resolve());
    else resolve();
  });

/** Closes a connection whose message could not be handled. */
function endAfter(error: unknown, client: WebSocket, text: string): void {
  const { type } = parseMessage(text);
  if (type === MessageType.ConnectionAck || type === MessageType.Next || type === MessageType.Error)
    client.close(closeCodes.badRequest, `a client does not send "${type}"`);
  else client.close(closeCodes.internalError, maskError(error).message);
}

/** @returns stops it */
function pingRegularly(client: WebSocket): () => void {
  let answered = true;
  client.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) return client.terminate();
    answered = false;
    client.ping();
  }, pingMilliseconds);
  return () => clearInterval(timer);
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
