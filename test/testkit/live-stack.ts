import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { createAccess } from '../../api/access/authentication';
import { apiGatewayConnections } from '../../api/lambda/connections';
import { type Announcement, type Hints, invocations } from '../../api/lambda/invocation';
import { createLiveUpdatesHandler } from '../../api/lambda/live-updates';
import { createWebSocketHandler } from '../../api/lambda/web-socket-api';
import type { TestServices } from './api-services';
import { apiSchema } from './ask';
import { sqsEvent } from './lambda-events';
import { startWebSocketGateway, type WebSocketGateway } from './web-socket-gateway';

const token = 'a-secret-of-some-length';

const viewerAccess = () => createAccess({ tokens: [{ name: 'ann', role: 'viewer', token }], oidc: null });

/** The live side of the functions: a gateway with the socket handler behind it, a queue, and the fan-out. */
export interface LiveStack {
  gateway: WebSocketGateway;
  /** Bodies of messages that wait for the fan-out. */
  queue: string[];
  hints: Hints;
  wakes: number;
  /** Hands messages to the fan-out as one batch. @returns those that it reports as failed */
  fanOut(bodies: readonly string[], remainingMilliseconds?: number): Promise<string[]>;
  /** Hands on what waits until nothing does; what fails waits again. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A stack for each test, and clients of it, gone after the test. Call it before `useTestServices`: hooks run in the
 * order in which they are stated, and the gateway needs the records to its end.
 */
export function useLiveStack() {
  const clients: Client[] = [];
  const stacks: LiveStack[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.dispose();
    for (const stack of stacks.splice(0)) await stack.close();
    jest.restoreAllMocks();
  });
  return {
    async start(services: TestServices): Promise<void> {
      stacks.push(await startLiveStack(services));
    },
    get stack(): LiveStack {
      return stacks[0]!;
    },
    /** What a client that was let in sends in `connection_init`. */
    parameters: { authorization: `Bearer ${token}` },
    /** Connects when it first has something to ask. */
    connect(): Client {
      const client = createClient({
        url: stacks[0]!.gateway.url,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: this.parameters,
      });
      clients.push(client);
      return client;
    },
  };
}

/** @param access default: one viewer's token */
export async function startLiveStack(services: TestServices, access = viewerAccess()): Promise<LiveStack> {
  // The SDK signs its requests; the gateway takes any signature.
  process.env.AWS_ACCESS_KEY_ID ??= 'test';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'test';
  const queue: string[] = [];
  const hints: Hints = {
    wake: async () => {
      stack.wakes += 1;
    },
    announce: async (announcement: Announcement) => void queue.push(JSON.stringify(announcement)),
  };
  const graphql = { schema: await apiSchema(), introspection: true };
  const connectionsOf = (connectionsEndpoint: string) =>
    apiGatewayConnections({ connectionsEndpoint, region: 'eu-central-1' });
  const gateway = await startWebSocketGateway((endpoint) =>
    createWebSocketHandler({
      ...graphql,
      access,
      hints,
      begin: invocations(services, hints),
      connections: connectionsOf(endpoint),
    }),
  );
  const handler = createLiveUpdatesHandler({
    ...graphql,
    stores: services,
    hints,
    connections: connectionsOf(gateway.endpoint),
  });
  const stack: LiveStack = {
    gateway,
    queue,
    hints,
    wakes: 0,
    async fanOut(bodies, remainingMilliseconds = 60_000) {
      const context = { getRemainingTimeInMillis: () => remainingMilliseconds };
      const { batchItemFailures } = await handler(sqsEvent(bodies), context);
      return batchItemFailures.map(({ itemIdentifier }) => bodies[Number(itemIdentifier.split('-')[1])]!);
    },
    async drain() {
      while (queue.length > 0) queue.push(...(await stack.fanOut(queue.splice(0, 10))));
    },
    close: () => gateway.close(),
  };
  return stack;
}
