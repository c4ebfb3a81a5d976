import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSchema, GraphQLError } from 'graphql';
import type { Client } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import WebSocket, { WebSocketServer } from 'ws';
import {
  AccessRefused,
  createSocketClient,
  type Following,
  follow as followSubscription,
  followTimes,
  type LiveState,
} from '../../client/subscription';

const schema = buildSchema(`
  type Query { nothing: Int }
  type Subscription { counted(after: String): String! }
`);
const query = 'subscription Counted($after: String) { counted(after: $after) }';
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Counts from behind the cursor; `asked` keeps the cursors it was asked for. */
async function serve(options: { last: number; letIn?: boolean; refuse?: boolean; token?: string; wanted?: string }) {
  const asked: unknown[] = [];
  const http: Server = createServer();
  const sockets = new WebSocketServer({ server: http });
  async function* count({ after }: { after: string | null }) {
    asked.push(after);
    if (options.refuse) throw new GraphQLError('not this one');
    for (let at = Number(after ?? 0) + 1; at <= options.last; at += 1) {
      await wait(10);
      yield { counted: String(at) };
    }
    await wait(200);
  }
  const served = useServer(
    {
      schema,
      onConnect: ({ connectionParams }) =>
        (options.letIn ?? true) && connectionParams?.authorization === options.wanted,
      roots: { subscription: { counted: count } },
    },
    sockets,
  );
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const authorization = async () => options.token ?? null;
  const client = createSocketClient({ url, authorization, keepAlive: 0, webSocketImpl: WebSocket });
  return {
    asked,
    client,
    url,
    cut() {
      for (const socket of sockets.clients) socket.terminate();
    },
    /** Ends the connections with a reason: in the close of the socket, or as a gateway that cannot, in a ping before. */
    end(code: number, reason: string, ahead: boolean) {
      for (const socket of sockets.clients) {
        if (ahead) socket.send(JSON.stringify({ type: 'ping', payload: { closing: { code, reason } } }));
        socket.close(ahead ? 1000 : code, ahead ? '' : reason);
      }
    },
    async close() {
      await client.dispose();
      await served.dispose();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** Follows until a state is reported, with `onEvent` at each event. */
async function follow(
  client: Client,
  until: LiveState,
  onEvent: (counted: string) => void = () => {},
  more: Partial<Following<{ counted: string }>> = {},
  times = followTimes,
) {
  const [received, states, reasons]: [string[], LiveState[], string[]] = [[], [], []];
  await new Promise<void>((resolve) => {
    const stop = followSubscription<{ counted: string }>(
      client,
      {
        query,
        variables: {},
        receive({ counted: cursor }) {
          received.push(cursor);
          onEvent(cursor);
          return cursor;
        },
        endless: false,
        report({ state, reason }) {
          states.push(state);
          if (reason !== null) reasons.push(reason);
          if (state === until) {
            // Not there yet where the state is reported at once.
            setTimeout(() => stop());
            resolve();
          }
        },
        ...more,
      },
      times,
    );
  });
  return { received, states, reasons };
}

describe('a followed subscription', () => {
  it('goes on behind the last event after each loss of the connection', async () => {
    const server = await serve({ last: 9 });
    const { received, states } = await follow(server.client, 'over', (at) => {
      if (at === '3' || at === '6') server.cut();
    });
    await server.close();
    expect(received).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(states).toEqual(['connecting', 'live', 'lost', 'live', 'lost', 'live', 'over']);
    expect(server.asked).toEqual([null, '3', '6']);
  });

  it('is known to be connected again though nothing happens', async () => {
    const server = await serve({ last: 2 });
    const { received, states } = await follow(server.client, 'over', (at) => {
      if (at === '2') server.cut();
    });
    await server.close();
    expect(received).toEqual(['1', '2']);
    expect(states).toEqual(['connecting', 'live', 'lost', 'live', 'over']);
  });

  it('that never ends is taken for lost when it ends', async () => {
    const server = await serve({ last: 2 });
    const { states } = await follow(server.client, 'lost', () => {}, { endless: true });
    await server.close();
    expect(states).toEqual(['connecting', 'live', 'lost']);
  });

  it.each([
    ['the close', false],
    ['a ping before it', true],
  ])('says why its connection was ended, where %s tells, and goes on', async (_where, ahead) => {
    const server = await serve({ last: 4 });
    const { received, states, reasons } = await follow(server.client, 'over', (at) => {
      if (at === '2') server.end(4500, 'too busy', ahead);
    });
    await server.close();
    expect(received).toEqual(['1', '2', '3', '4']);
    expect(states).toEqual(['connecting', 'live', 'lost', 'live', 'over']);
    expect(reasons).toEqual(['too busy']);
  });

  it('does not try again where a ping says that a token is needed', async () => {
    const server = await serve({ last: 4 });
    const { received, states, reasons } = await follow(server.client, 'locked', (at) => {
      if (at === '2') server.end(4403, 'Forbidden: the time of the token is over', true);
    });
    await wait(1000);
    await server.close();
    expect([received, states]).toEqual([
      ['1', '2'],
      ['connecting', 'live', 'locked'],
    ]);
    expect(reasons).toEqual(['Forbidden: the time of the token is over']);
  });

  it('says that a token is needed, and does not try again', async () => {
    const server = await serve({ last: 1, letIn: false });
    const { received, states } = await follow(server.client, 'locked');
    await wait(1000);
    await server.close();
    expect([received, states]).toEqual([[], ['connecting', 'locked']]);
  });

  it('says that it is refused, and does not try again', async () => {
    const server = await serve({ last: 1, refuse: true });
    const { states, reasons } = await follow(server.client, 'refused');
    await wait(1000);
    await server.close();
    expect([states, server.asked]).toEqual([['connecting', 'live', 'refused'], [null]]);
    expect(reasons).toEqual(['not this one']);
  });

  it('goes on with a new token where the service refuses the old one', async () => {
    const options = { last: 3, token: 'old', wanted: 'new' };
    const server = await serve(options);
    const renewToken = jest.fn(async () => {
      options.token = 'new';
      return true;
    });
    const { received, states } = await follow(server.client, 'over', () => {}, { renewToken });
    await server.close();
    expect({ received, states }).toEqual({ received: ['1', '2', '3'], states: ['connecting', 'live', 'over'] });
    expect(renewToken).toHaveBeenCalledTimes(1);
  });

  it('does not ask for a third token where the second is refused too', async () => {
    const server = await serve({ last: 3, token: 'old', wanted: 'new' });
    const renewToken = jest.fn(async () => true);
    const { states } = await follow(server.client, 'locked', () => {}, { renewToken });
    await server.close();
    expect(states).toEqual(['connecting', 'locked']);
    expect(renewToken).toHaveBeenCalledTimes(1);
  });
});

describe('a followed subscription without a socket', () => {
  const times = { firstRetry: 20, longestRetry: 40, patience: 30, poll: 30 };
  const nowhere = () =>
    createSocketClient({
      url: 'ws://127.0.0.1:9',
      authorization: async () => null,
      keepAlive: 0,
      webSocketImpl: WebSocket,
    });

  it('polls, says so, and ends when nothing changes any more', async () => {
    const answers = ['changes', 'changes', 'over'] as const;
    let polls = 0;
    const poll = async () => answers[polls++]!;
    const { states } = await follow(nowhere(), 'over', () => {}, { poll }, times);
    expect(states).toEqual(['connecting', 'lost', 'polling', 'over']);
    expect(polls).toBe(3);
  });

  it('stops polling as soon as a socket is reached, and receives every event once', async () => {
    const server = await serve({ last: 4 });
    let polls = 0;
    const poll = async () => {
      polls += 1;
      return 'changes' as const;
    };
    // The service is there at the third try alone.
    let tries = 0;
    const url = async () => (++tries < 3 ? 'ws://127.0.0.1:9' : server.url);
    const client = createSocketClient({ url, authorization: async () => null, keepAlive: 0, webSocketImpl: WebSocket });
    const slow = { ...times, firstRetry: 100, longestRetry: 100 };
    const { received, states } = await follow(client, 'over', () => {}, { poll }, slow);
    const pollsUntilThen = polls;
    await wait(100);
    await client.dispose();
    await server.close();
    expect({ received, states }).toEqual({
      received: ['1', '2', '3', '4'],
      states: ['connecting', 'lost', 'polling', 'live', 'over'],
    });
    expect(polls).toBe(pollsUntilThen);
  });

  it('reports what the polls meet: a service that is gone, and a token that is refused', async () => {
    const failures = [new Error('nobody answers'), new AccessRefused('the token expired')];
    const poll = async () => Promise.reject(failures.shift());
    const { states, reasons } = await follow(nowhere(), 'locked', () => {}, { poll }, times);
    expect(states.at(-1)).toBe('locked');
    expect(reasons).toEqual(['nobody answers', 'the token expired']);
  });
});
