import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSchema, GraphQLError } from 'graphql';
import { type Client, createClient } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import WebSocket, { WebSocketServer } from 'ws';
import { followWith, type LiveState } from '../../dashboard/app/follow';
import type { Operation } from '../../dashboard/app/queries';

const schema = buildSchema(`
  type Query { nothing: Int }
  type Subscription { counted(after: String): String! }
`);
const counted: Operation<{ counted: string }, { after: string | null }> = {
  text: 'subscription Counted($after: String) { counted(after: $after) }',
};
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Counts from behind the cursor; `asked` keeps the cursors it was asked for. */
async function serve(options: { last: number; letIn?: boolean; refuse?: boolean }) {
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
    { schema, onConnect: () => options.letIn ?? true, roots: { subscription: { counted: count } } },
    sockets,
  );
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const client: Client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
  return {
    asked,
    client,
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
  endless = false,
) {
  const [received, states, reasons]: [string[], LiveState[], string[]] = [[], [], []];
  await new Promise<void>((resolve) => {
    const stop = followWith(
      client,
      counted,
      { after: null },
      {
        receive({ counted: cursor }) {
          received.push(cursor);
          onEvent(cursor);
          return cursor;
        },
        endless,
        report({ state, reason }) {
          states.push(state);
          if (reason !== null) reasons.push(reason);
          if (state === until) {
            // Not yet there where the state is reported at once.
            setTimeout(() => stop());
            resolve();
          }
        },
      },
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
    const { states } = await follow(server.client, 'lost', () => {}, true);
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
});
