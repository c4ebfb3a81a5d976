import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/**
 * What goes wrong with a request: an error of the storage, a cut connection, or no answer at all, each either `before`
 * the storage has seen the request or `after` it has carried it out; or an answer whose body is cut short or altered.
 */
export type Fault =
  | { kind: 'error'; status: number; code: string; when: 'before' | 'after' }
  | { kind: 'cut'; when: 'before' | 'after' }
  | { kind: 'silence'; when: 'before' | 'after' }
  | { kind: 'short body'; bytes: number }
  | { kind: 'altered body' }
  | { kind: 'meanwhile'; does: () => Promise<unknown> };

/** An HTTP proxy in front of a storage that does to requests what it is told to. */
export interface FaultyProxy {
  endpoint: string;
  /** Requests as they came in: `PUT /bucket/key?query`. */
  requests: string[];
  /** The next requests that match meet these faults, one each; null: this one passes. */
  plan(pattern: RegExp, ...faults: (Fault | null)[]): void;
  /** Forgets plans and requests. */
  reset(): void;
  stop(): Promise<void>;
}

export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const requests: string[] = [];
  let plans: { pattern: RegExp; faults: (Fault | null)[] }[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const line = `${incoming.method} ${incoming.url}`;
    requests.push(line);
    const fault = plans.find(({ pattern, faults }) => pattern.test(line) && faults.length > 0)?.faults.shift() ?? null;
    const body = await buffer(incoming).catch(() => null);
    // The client gave up in the middle of its request.
    if (body === null) return void outgoing.destroy();
    await answer(fault, outgoing, () => pass(target, incoming, body)).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    plan: (pattern, ...faults) => plans.push({ pattern, faults }),
    reset: () => {
      plans = [];
      requests.length = 0;
    },
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

async function answer(fault: Fault | null, outgoing: ServerResponse, carryOut: () => Promise<Answer>): Promise<void> {
  if (fault !== null && 'when' in fault) {
    if (fault.when === 'after') await carryOut();
    if (fault.kind === 'cut') outgoing.destroy();
    if (fault.kind === 'error') send(outgoing, errorAnswer(fault.status, fault.code));
    return;
  }
  if (fault?.kind === 'meanwhile') await fault.does();
  const { status, headers, body } = await carryOut();
  if (fault?.kind === 'altered body') body.writeUInt8(body.readUInt8(0) ^ 1, 0);
  if (fault?.kind !== 'short body') return send(outgoing, { status, headers, body });
  outgoing.writeHead(status, headers);
  outgoing.write(body.subarray(0, fault.bytes), () => outgoing.destroy());
}

function send(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  outgoing.writeHead(status, headers);
  outgoing.end(body);
}

/** An error as S3 answers it. */
const errorAnswer = (status: number, code: string): Answer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: Buffer.from(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>said the proxy</Message></Error>`),
});

/** As documented of S3, and unknown to moto: the condition `If-Match` on the completion of an upload in parts. */
async function isRefused(target: string, { method, url, headers }: IncomingMessage): Promise<boolean> {
  if (method !== 'POST' || headers['if-match'] === undefined) return false;
  const stored = await fetch(`${target}${url!.split('?')[0]}`, { method: 'HEAD' });
  return stored.headers.get('etag') !== headers['if-match'];
}

async function pass(target: string, incoming: IncomingMessage, body: Buffer): Promise<Answer> {
  if (await isRefused(target, incoming)) return errorAnswer(412, 'PreconditionFailed');
  const { method, url, headers } = incoming;
  return new Promise((resolve, reject) => {
    const passed = request(`${target}${url}`, { method, headers }, (response) => {
      buffer(response).then((answered) => {
        resolve({ status: response.statusCode!, headers: response.headers, body: answered });
      }, reject);
    });
    passed.on('error', reject);
    passed.end(body);
  });
}
