import type {
  APIGatewayProxyEventHeaders,
  APIGatewayProxyStructuredResultV2,
  APIGatewayProxyWebsocketEventV2,
} from 'aws-lambda';
import { createSourceEventStream, GraphQLError, getOperationAST } from 'graphql';
import {
  type CompleteMessage,
  type ConnectionInitMessage,
  type Message,
  MessageType,
  parseMessage,
  type SubscribeMessage,
} from 'graphql-ws';
import { webSocketProtocol } from '../../contract/aws';
import { isWellFormed } from '../../contract/well-formed';
import { authorizationOf } from '../access/authentication';
import type { ConnectionTable } from '../database/tables';
import { type GraphqlOptions, mostOperationsPerSocket, prepareOperation } from '../graphql/operation';
import { maskError } from '../shared/errors';
import type { Authentication } from '../shared/viewer';
import {
  countOperations,
  deleteConnections,
  endOperation,
  findConnection,
  insertOperation,
  noteConnection,
  operationId,
} from '../subscriptions/connection.store';
import type { Connections } from '../subscriptions/connections';
import type { Followed } from '../subscriptions/follow';
import { topicName } from '../subscriptions/run-changes';
import type { BeginInvocation, Hints, Invocation } from './invocation';

export interface WebSocketOptions extends Omit<GraphqlOptions, 'services'> {
  begin: BeginInvocation;
  hints: Hints;
  connections: Connections;
}

/** Only the event of `$connect` has headers. */
export type WebSocketEvent = APIGatewayProxyWebsocketEventV2 & { headers?: APIGatewayProxyEventHeaders };

/** API Gateway ends every connection after so long. */
const longestConnectionMilliseconds = 2 * 60 * 60_000;
/** Of the id a client gives an operation: it is part of every message. */
const longestId = 128;

/** Why a connection is ended: code and reason of graphql-transport-ws. */
class Closing extends Error {
  constructor(
    readonly code: number,
    reason: string,
  ) {
    super(reason);
  }
}

/**
 * `graphql-transport-ws` for a WebSocket API of API Gateway. Each message is an invocation that knows nothing of the
 * one before, so who is connected and what they follow is in the records; their events come from the fan-out
 * (deliver.ts). Nothing is stored for a client that was not let in: by its `Authorization` header on connecting, or by
 * `authorization` in the payload of `connection_init`, which is what a browser can send. Not by the address, which is
 * logged on its way.
 *
 * API Gateway ends connections without a code, so code and reason of the protocol go ahead in the payload of a `ping`.
 */
export function createWebSocketHandler(options: WebSocketOptions) {
  return async (event: WebSocketEvent): Promise<APIGatewayProxyStructuredResultV2> => {
    const { routeKey, connectionId } = event.requestContext;
    const invocation = options.begin();
    const { database } = invocation.services;
    if (routeKey === '$connect') return connect(options, invocation, event);
    if (routeKey === '$disconnect') {
      await deleteConnections(database, [connectionId]);
      return done;
    }
    try {
      await receive({ ...options, invocation, connectionId, event }, messageOf(event));
      await invocation.finish();
    } catch (error) {
      await end(options, invocation, connectionId, closingOf(error));
    }
    return done;
  };
}

const done = { statusCode: 200 };

async function connect(
  { access }: WebSocketOptions,
  { services }: Invocation,
  event: WebSocketEvent,
): Promise<APIGatewayProxyStructuredResultV2> {
  const header = (name: string) =>
    Object.entries(event.headers ?? {}).find(([given]) => given.toLowerCase() === name)?.[1];
  const protocols = (header('sec-websocket-protocol') ?? '').split(',').map((text) => text.trim());
  if (!protocols.includes(webSocketProtocol)) return { statusCode: 400, body: `speak ${webSocketProtocol}` };
  const accepted = { statusCode: 200, headers: { 'Sec-WebSocket-Protocol': webSocketProtocol } };
  const authorization = header('authorization');
  if (authorization === undefined) return accepted;
  try {
    const outcome = await access.authenticate(authorization);
    if (outcome.kind === 'refused') return { statusCode: 401, body: outcome.message };
    await noteConnection(services.database, connectionOf(event, outcome, 0));
    return accepted;
  } catch (error) {
    return { statusCode: 500, body: maskError(error).message };
  }
}

function connectionOf(
  { requestContext: { connectionId, connectedAt } }: WebSocketEvent,
  { viewer, expiresAt }: Extract<Authentication, { kind: 'viewer' }>,
  acknowledged: 0 | 1,
): ConnectionTable {
  const longest = connectedAt + longestConnectionMilliseconds;
  const expires = new Date(Math.min(longest, expiresAt?.getTime() ?? longest)).toISOString();
  return {
    id: connectionId,
    viewer_name: viewer.name,
    viewer_role: viewer.role,
    acknowledged,
    expires_at: expires,
  };
}

function messageOf({ body, isBase64Encoded }: WebSocketEvent): Message {
  const text = isBase64Encoded ? Buffer.from(body ?? '', 'base64').toString() : body;
  try {
    return parseMessage(text);
  } catch (error) {
    throw new Closing(4400, (error as Error).message);
  }
}

/** One message of one connection. */
interface Turn extends WebSocketOptions {
  invocation: Invocation;
  connectionId: string;
  event: WebSocketEvent;
}

async function receive(turn: Turn, message: Message): Promise<void> {
  switch (message.type) {
    case MessageType.ConnectionInit:
      return acknowledge(turn, message);
    case MessageType.Ping:
      return post(turn, { type: MessageType.Pong, ...(message.payload ? { payload: message.payload } : {}) });
    case MessageType.Pong:
      return;
    case MessageType.Subscribe:
      return subscribe(turn, message);
    case MessageType.Complete:
      return complete(turn, message);
    default:
      throw new Closing(4400, `a client does not send "${message.type}"`);
  }
}

async function acknowledge(turn: Turn, { payload }: ConnectionInitMessage): Promise<void> {
  const { database } = turn.invocation.services;
  const given = authorizationOf(payload);
  const known = given === undefined ? await findConnection(database, turn.connectionId) : undefined;
  let connection = known && { ...known, acknowledged: 1 };
  if (connection === undefined) {
    const outcome = await turn.access.authenticate(given);
    if (outcome.kind === 'refused') throw new Closing(4403, `Forbidden: ${outcome.message}`);
    connection = connectionOf(turn.event, outcome, 1);
  }
  if (!(await noteConnection(database, connection))) throw new Closing(4429, 'Too many initialisation requests');
  return post(turn, { type: MessageType.ConnectionAck });
}

async function subscribe(turn: Turn, { id, payload }: SubscribeMessage): Promise<void> {
  const { services } = turn.invocation;
  const connection = await findConnection(services.database, turn.connectionId);
  if (connection?.acknowledged !== 1) throw new Closing(4401, 'Unauthorized');
  if (connection.expires_at <= new Date().toISOString())
    throw new Closing(4403, 'Forbidden: the time of the connection, or of its token, is over');
  if (id.length > longestId) throw new Closing(4400, `the id of an operation has at most ${longestId} characters`);
  if (!isWellFormed(id)) throw new Closing(4400, 'the id of an operation has a NUL character or half a surrogate pair');
  const viewer = { name: connection.viewer_name, role: connection.viewer_role };
  const args = prepareOperation(turn, payload, { services, viewer });
  if (!('schema' in args)) return fail(turn, id, args);
  if (getOperationAST(args.document, args.operationName)?.operation !== 'subscription')
    return fail(turn, id, [byHttpAlone()]);
  if ((await countOperations(services.database, turn.connectionId)) >= mostOperationsPerSocket)
    return fail(turn, id, [tooMany()]);
  // The field's own resolver says whether it can be followed, and by what.
  const source = await createSourceEventStream(args);
  if (!(Symbol.asyncIterator in source)) return fail(turn, id, source.errors ?? []);
  const { topic } = source as Followed<unknown>;
  const operation = {
    id: operationId(turn.connectionId, id),
    connection_id: turn.connectionId,
    client_id: id,
    topic: topicName(topic),
    query: payload.query,
    operation_name: payload.operationName ?? null,
    variables: JSON.stringify(payload.variables ?? {}),
    position: null,
    ended_at: null,
  };
  const outcome = await insertOperation(services.database, operation, sentAt(turn));
  if (outcome === 'exists') throw new Closing(4409, `Subscriber for ${id} already exists`);
  if (outcome === 'ended') return;
  // What is there already comes from the fan-out too: it may be long, and there is one way of answering.
  await turn.hints.announce({ begun: [operation.id] });
}

/**
 * Functions that answer two messages of a client run at one time, so that a `complete` may be here before its
 * `subscribe` is. Nothing is noted for a connection that is not known, which nobody would forget.
 */
async function complete(turn: Turn, { id }: CompleteMessage): Promise<void> {
  const { database } = turn.invocation.services;
  const connection = await findConnection(database, turn.connectionId);
  if (connection?.acknowledged !== 1 || id.length > longestId || !isWellFormed(id)) return;
  await endOperation(database, turn.connectionId, id, sentAt(turn));
}

/** When API Gateway took in the message: of two messages of a client, the order in which they were sent. */
const sentAt = ({ event }: Turn): Date => new Date(event.requestContext.requestTimeEpoch);

const tooMany = () => new GraphQLError(`a connection carries at most ${mostOperationsPerSocket} operations at a time`);

/** This function may change nothing, and has the memory and the time of a message. */
const byHttpAlone = () =>
  new GraphQLError('this address carries subscriptions alone: send queries and mutations by HTTP', {
    extensions: { code: 'BAD_REQUEST' },
  });

function fail(turn: Turn, id: string, errors: readonly GraphQLError[]): Promise<void> {
  return post(turn, { id, type: MessageType.Error, payload: errors.map((error) => maskError(error)) });
}

async function post({ connections, connectionId, invocation }: Turn, message: object): Promise<void> {
  if ((await connections.post(connectionId, message)) === 'gone')
    await deleteConnections(invocation.services.database, [connectionId]);
}

function closingOf(error: unknown): Closing {
  return error instanceof Closing ? error : new Closing(4500, maskError(error).message);
}

/** The connection may be gone already, and what cannot be told then matters to nobody. */
async function end(
  { connections }: WebSocketOptions,
  { services }: Invocation,
  connectionId: string,
  { code, message }: Closing,
): Promise<void> {
  await connections
    .post(connectionId, { type: MessageType.Ping, payload: { closing: { code, reason: message } } })
    .catch(() => {});
  await connections.close(connectionId);
  await deleteConnections(services.database, [connectionId]);
}
