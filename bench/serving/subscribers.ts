import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { serveRequests } from './child';
import { type FollowedRun, metricsSubscription } from './operations';

/** What subscribers of one run have received since the last report. */
export interface Received {
  events: number;
  lost: number;
  doubled: number;
  /** Milliseconds from the writing of the chunk to the subscriber, ascending. */
  delays: number[];
}

let delays: number[] = [];
let [lost, doubled] = [0, 0];
let waiting: { events: number; done: () => void } | null = null;

/** Opens so many connections, each with one subscription, and begins to count. */
async function open({ port, run, count }: { port: number; run: FollowedRun; count: number }): Promise<void> {
  for (let place = 0; place < count; place += 50)
    await Promise.all(Array.from({ length: Math.min(50, count - place) }, () => openOne(port, run)));
}

function openOne(port: number, run: FollowedRun): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws');
  let next: number | null = null;
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code, reason) => console.error(`a connection was closed: ${code} ${reason}`));
    socket.on('open', () => socket.send('{"type":"connection_init"}'));
    // Read without JSON.parse, so that a thousand clients in one process measure the server and not themselves.
    socket.on('message', (data) => {
      const text = data.toString();
      if (text.includes('"type":"connection_ack"')) {
        const payload = { query: metricsSubscription, variables: { runId: run, after: null } };
        socket.send(JSON.stringify({ id: randomUUID(), type: 'subscribe', payload }));
        resolve();
        return;
      }
      if (text.startsWith('{"type":"ping"')) return;
      const sequence = Number(/"cursor":"1-(\d+)\.1"/.exec(text)?.[1] ?? Number.NaN);
      if (Number.isNaN(sequence)) throw new Error(`an unexpected message: ${text.slice(0, 300)}`);
      delays.push(Date.now() - Number(/"sentAt","value":(\d+)/.exec(text)![1]));
      if (next !== null && sequence > next) lost += sequence - next;
      if (next !== null && sequence < next) doubled += 1;
      next = Math.max(next ?? 0, sequence + 1);
      if (waiting !== null && delays.length >= waiting.events) waiting.done();
    });
  });
}

/** Waits for so many events, at most some seconds, and reports. */
async function receive({ events, seconds }: { events: number; seconds: number }): Promise<Received> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    waiting = {
      events,
      done: () => {
        clearTimeout(timer);
        resolve();
      },
    };
    if (delays.length >= events) waiting.done();
  });
  waiting = null;
  const received = { events: delays.length, lost, doubled, delays: delays.sort((a, b) => a - b) };
  delays = [];
  [lost, doubled] = [0, 0];
  return received;
}

serveRequests({ open, receive });
