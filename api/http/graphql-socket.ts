import type { IncomingMessage, Server } from 'node:http';
import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, GraphQLError } from 'graphql';
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
import { payloadsOf } from '../graphql/event-payload';
import {
  type GraphqlOptions,
  masked,
  messageBytes,
  mostOperationsPerSocket,
  prepareOperation,
  smallEnough,
} from '../graphql/operation';
import { maskError } from '../shared/errors';
import { limits } from '../shared/limits';
import type { Viewer } from '../shared/viewer';
import { refuseUpgrade, survivesErrors } from './http-server';
import { MessageSender, SharedPayload } from './message-sender';
import { isFromHere } from './origin';

const mostSockets = 1000;
/** A client that has not said who it is by then is let go. */
const greetingMilliseconds = 3_000;
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
  // A compressed message may be a thousand times as large once it is opened.
  const limited = { maxPayload: limits.bodyBytes, perMessageDeflate: false };
  const sockets = new WebSocketServer({ noServer: true, ...limited, handleProtocols });
  const protocol = makeServer<Record<string, unknown>, SocketExtra>({
    connectionInitWaitTimeout: greetingMilliseconds,
    async onConnect(context) {
      const given = authorizationOf(context.connectionParams) ?? context.extra.request.headers.authorization;
      const outcome = await options.access.authenticate(given);
      if (outcome.kind === 'viewer') context.extra.viewer = outcome.viewer;
      return outcome.kind === 'viewer';
    },
    onSubscribe: (context, _id, payload) => prepare(context, payload, options),
    subscribe: subscribeToPayloads,
    onNext: (_context, _id, _payload, _args, result) => payloadOfResult(result) as unknown as ExecutionResult,
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
  const sender = new MessageSender(client);
  const stopPinging = pingRegularly(client, sender);
  const onClose = protocol.opened(
    {
      protocol: client.protocol,
      send: (text) => sender.send(text),
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

/** Closes a connection whose message could not be handled. */
function endAfter(error: unknown, client: WebSocket, text: string): void {
  const { type } = parseMessage(text);
  if (type === MessageType.ConnectionAck || type === MessageType.Next || type === MessageType.Error)
    client.close(closeCodes.badRequest, `a client does not send "${type}"`);
  else client.close(closeCodes.internalError, maskError(error).message);
}

/** @returns stops it */
function pingRegularly(client: WebSocket, sender: MessageSender): () => void {
  let answered = true;
  client.on('pong', () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (sender.cutIfStalled()) return;
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

/** Queries and mutations are answered once: their payload is shared with nobody. */
const payloadOfResult = (result: ExecutionResult | SharedPayload): SharedPayload =>
  result instanceof SharedPayload ? result : new SharedPayload(smallEnough(masked(result)));

/** As `subscribe` of graphql-js, with payloads that are made once for all who ask the same. */
async function subscribeToPayloads(args: ExecutionArgs) {
  const source = await createSourceEventStream(args);
  if (!(Symbol.asyncIterator in source)) return source;
  const events = source[Symbol.asyncIterator]();
  const payloadOf = payloadsOf(args);
  const payloads: AsyncIterableIterator<SharedPayload> = {
    async next() {
      const event = await events.next();
      if (event.done) return { done: true, value: undefined };
      return { done: false, value: new SharedPayload((await payloadOf(event.value as object)).json) };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  // graphql-ws hands them on to `onNext` as they are.
  return payloads as unknown as AsyncIterableIterator<ExecutionResult>;
}
