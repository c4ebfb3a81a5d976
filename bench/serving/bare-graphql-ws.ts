import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { serveRequests } from './child';
import { chunkRecords, followedRuns } from './operations';

const schema = buildSchema(`
  type Value { name: String! value: Float }
  type Record { step: Int! epoch: Int! elapsedSeconds: Float! scope: String! values: [Value!]! }
  type MetricsLogged { cursor: String! runId: ID! attempt: Int! resumedFromStep: Int records: [Record!]! }
  type Query { nothing: Int }
  type Subscription { metricsLogged(runId: ID!, after: String): MetricsLogged! }
`);

type Listener = (event: object) => void;
const listeners = new Set<Listener>();

/** Events from memory, as they come: nothing is read, nothing is kept, and a subscriber that reconnects has missed some. */
async function* metricsLogged() {
  const queue: object[] = [];
  let wake = () => {};
  const listener: Listener = (event) => {
    queue.push(event);
    wake();
  };
  listeners.add(listener);
  try {
    for (;;) {
      const event = queue.shift();
      if (event !== undefined) yield { metricsLogged: event };
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    listeners.delete(listener);
  }
}

/** The peer over WebSocket: graphql-ws on ws as its documentation shows it, executing the selection for every subscriber. */
async function start(): Promise<number> {
  const http = createServer();
  useServer(
    { schema, roots: { subscription: { metricsLogged } } },
    new WebSocketServer({ server: http, path: '/graphql' }),
  );
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return (http.address() as AddressInfo).port;
}

let sequence = 0;
function publish(): void {
  const records = chunkRecords(sequence).map(({ values, ...record }) => ({
    ...record,
    values: Object.entries(values).map(([name, value]) => ({ name, value })),
  }));
  const event = { cursor: `1-${sequence}.1`, runId: followedRuns.closely, attempt: 1, resumedFromStep: null, records };
  sequence += 1;
  for (const listener of listeners) listener(event);
}

serveRequests({ start, publish });
