import { createSourceEventStream, type GraphQLError } from 'graphql';
import type { Services } from '../context/context';
import { type EventPayload, payloadsOf } from '../graphql/event-payload';
import { type GraphqlOptions, nextMessage, prepareOperation } from '../graphql/operation';
import { maskError } from '../shared/errors';
import { inParallel } from '../shared/in-parallel';
import {
  advanceOperations,
  deleteConnections,
  deleteOperations,
  findOperations,
  type StoredOperation,
} from '../subscriptions/connection.store';
import type { Connections } from '../subscriptions/connections';
import type { Followed } from '../subscriptions/follow';

/** With what stored subscriptions are answered. */
export interface Delivery extends Pick<GraphqlOptions, 'schema' | 'introspection'> {
  services: Services;
  connections: Connections;
}

/** What became of the operations that were looked at. */
export interface DeliveryOutcome {
  /** They may have news that did not reach them; asking again repeats no more than was sent just now. */
  undelivered: StoredOperation[];
  /** They have more news than there was time for. */
  unfinished: StoredOperation[];
}

/** Groups at a time; each has a stream of its own, of which most are empty. */
const groupsAtOnce = 4;
/** Posts at a time, of one group. */
const postsAtOnce = 50;
/** Messages of one group that are in memory at a time: of 24 KB at most. */
const eventsPerBatch = 32;

/**
 * Sends subscriptions what they have not had: the resolvers that answer on one machine are asked from where each
 * operation stands, and the position moves on when its events are sent. So a doubled, late or reordered hint finds
 * nothing or the rest; two deliveries at once may send an event twice, which clients know by its cursor, and never skip
 * one. Operations with the same text, variables, role and position get the same messages, made once.
 *
 * @param wanted operations by their topics or their own ids
 * @param until when to begin nothing more, in milliseconds since 1970
 */
export async function deliver(
  delivery: Delivery,
  wanted: { topics: readonly string[]; ids: readonly string[] },
  until: number,
): Promise<DeliveryOutcome> {
  const outcome: DeliveryOutcome = { undelivered: [], unfinished: [] };
  const operations = await findOperations(delivery.services.database, wanted, new Date());
  const deliverTo = async (group: StoredOperation[]) => {
    try {
      await deliverGroup(delivery, group, until, outcome);
    } catch (error) {
      console.error(`delivery to ${group.length} operations on ${group[0]!.topic} failed: ${(error as Error).stack}`);
      outcome.undelivered.push(...group);
    }
  };
  await inParallel(groupsOf(operations), deliverTo, groupsAtOnce);
  return outcome;
}

function groupsOf(operations: readonly StoredOperation[]): StoredOperation[][] {
  const groups = new Map<string, StoredOperation[]>();
  for (const operation of operations) {
    const { query, operation_name, variables, viewer_role, position } = operation;
    const key = JSON.stringify([query, operation_name, variables, viewer_role, position]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [operation]);
    else group.push(operation);
  }
  return [...groups.values()];
}

async function deliverGroup(
  delivery: Delivery,
  group: StoredOperation[],
  until: number,
  outcome: DeliveryOutcome,
): Promise<void> {
  const { database } = delivery.services;
  const begun = await beginStream(delivery, group[0]!);
  if ('refusals' in begun) {
    // What was accepted once: the schema has changed since, or the run is not there any more.
    const payload = begun.refusals.map((error) => maskError(error));
    const sent = await send(delivery, group, (id) => [JSON.stringify({ id, type: 'error', payload })], outcome);
    return deleteOperations(database, idsOf(sent));
  }
  let { position } = group[0]!;
  for (let listeners = group; listeners.length > 0; ) {
    const batch = await nextBatch(begun);
    const over = batch.end === 'over';
    const messagesFor = (clientId: string) => {
      const messages = batch.payloads.map((payload) => nextMessage(clientId, payload));
      return over ? [...messages, JSON.stringify({ id: clientId, type: 'complete' })] : messages;
    };
    if (batch.payloads.length > 0 || over) listeners = await send(delivery, listeners, messagesFor, outcome);
    if (over) return deleteOperations(database, idsOf(listeners));
    if (batch.position !== null) await advanceOperations(database, idsOf(listeners), position, batch.position);
    position = batch.position ?? position;
    if (batch.end === 'idle') return;
    if (Date.now() > until) {
      outcome.unfinished.push(...listeners);
      return;
    }
  }
}

const idsOf = (operations: readonly StoredOperation[]): string[] => operations.map(({ id }) => id);

interface Stream {
  events: Followed<{ cursor: string }>;
  payloadOf(event: object): Promise<EventPayload>;
}

/** The events of an operation from where it stands, by the resolver of its field; or why there are none. */
async function beginStream(
  delivery: Delivery,
  { query, operation_name, variables, position, viewer_name, viewer_role }: StoredOperation,
): Promise<Stream | { refusals: readonly GraphQLError[] }> {
  const context = { services: delivery.services, viewer: { name: viewer_name, role: viewer_role }, position };
  const given = { query, operationName: operation_name, variables: JSON.parse(variables) };
  const args = prepareOperation(delivery, given, context);
  if (!('schema' in args)) return { refusals: args };
  const source = await createSourceEventStream(args);
  if (!(Symbol.asyncIterator in source)) return { refusals: source.errors ?? [] };
  return { events: source as Followed<{ cursor: string }>, payloadOf: payloadsOf(args) };
}

interface Batch {
  /** Results as JSON. */
  payloads: Buffer[];
  /** Cursor of the last one. */
  position: string | null;
  /** How the stream ended; null where it has more. */
  end: 'over' | 'idle' | null;
}

async function nextBatch({ events, payloadOf }: Stream): Promise<Batch> {
  const batch: Batch = { payloads: [], position: null, end: null };
  while (batch.payloads.length < eventsPerBatch) {
    const event = await events.next();
    if (event.done) return { ...batch, end: event.value ?? 'idle' };
    batch.payloads.push((await payloadOf(event.value)).json);
    batch.position = event.value.cursor;
  }
  return batch;
}

/**
 * Posts to every client its messages, in their order. Who is gone is forgotten with all of its operations; who cannot
 * be reached now is `undelivered`, and keeps nobody waiting.
 * @returns who got all of them
 */
async function send(
  { services, connections }: Delivery,
  operations: readonly StoredOperation[],
  messagesFor: (clientId: string) => string[],
  outcome: DeliveryOutcome,
): Promise<StoredOperation[]> {
  const sent: StoredOperation[] = [];
  const gone: string[] = [];
  const sendTo = async (operation: StoredOperation) => {
    const { connection_id: connectionId, client_id } = operation;
    try {
      for (const message of messagesFor(client_id))
        if ((await connections.post(connectionId, message)) === 'gone') {
          gone.push(connectionId);
          return;
        }
      sent.push(operation);
    } catch (error) {
      console.error(`a message did not reach ${connectionId}: ${(error as Error).message}`);
      outcome.undelivered.push(operation);
    }
  };
  await inParallel(operations, sendTo, postsAtOnce);
  await deleteConnections(services.database, gone);
  return sent;
}
