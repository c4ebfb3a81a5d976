import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { type WebSocket, WebSocketServer } from 'ws';
import { refuseUpgrade, survivesErrors } from '../../api/http/http-server';
import type { WebSocketEvent } from '../../api/lambda/web-socket-api';
import { webSocketEvent } from './lambda-events';

/**
 * A WebSocket API of API Gateway on this machine: opens, messages and ends become events of a handler, and `@connections`
 * is answered to the AWS SDK as there. A handler's refusal of `$connect` is the answer to the upgrade; the answer to a
 * message goes nowhere, since the API has no route responses; a connection is ended without a code of the program's.
 */
export interface WebSocketGateway {
  /** For clients: ws://127.0.0.1:<port>/live */
  url: string;
  /** For the SDK: http://127.0.0.1:<port>/live */
  endpoint: string;
  /** What was posted, in the order in which it came. */
  posts: { connectionId: string; message: { id?: string; type: string; payload?: unknown } }[];
  /** Has the next posts answered so instead, each as often as it stands there: 429 and 500, or 410. */
  failNext(...statuses: number[]): void;
  /** Has the next message wait until the one behind it was answered: both are answered at one time, by two functions. */
  overtakeNext(): void;
  /** Ends all connections without a word, and tells the handler or, as happens, does not. */
  cut(tells: boolean): void;
  open(): number;
  /** Until what came in was answered. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

type Handler = (event: WebSocketEvent) => Promise<APIGatewayProxyStructuredResultV2>;

export async function startWebSocketGateway(handlerOf: (endpoint: string) => Handler): Promise<WebSocketGateway> {
  const sockets = new WebSocketServer({ noServer: true });
  const connections = new Map<string, WebSocket>();
  const posts: WebSocketGateway['posts'] = [];
  const failures: number[] = [];
  let overtaking: 'no' | 'next' | WebSocketEvent = 'no';
  const server = createServer((request, response) => void answerPost(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const place = `127.0.0.1:${(server.address() as AddressInfo).port}/live`;
  const invoked = handlerOf(`http://${place}`);
  const underway = new Set<Promise<unknown>>();
  const handler: Handler = (event) => {
    const answered = invoked(event);
    const done = answered.catch(() => {}).finally(() => underway.delete(done));
    underway.add(done);
    return answered;
  };

  const settled = async () => {
    while (underway.size > 0) await Promise.all(underway);
  };

  server.on('upgrade', async (request, socket, head) => {
    survivesErrors(socket);
    const connectionId = `${randomBytes(11).toString('base64')}=`.slice(0, 16);
    const connectedAt = Date.now();
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [
        name.replace(/^\w|-\w/g, (a) => a.toUpperCase()),
        `${value}`,
      ]),
    );
    const { statusCode, headers: answered } = await handler(
      webSocketEvent({ routeKey: '$connect', connectionId, connectedAt, headers }),
    );
    if (statusCode !== 200) {
      refuseUpgrade(socket, `${statusCode} Refused`);
      return;
    }
    sockets.options.handleProtocols = () => (answered?.['Sec-WebSocket-Protocol'] as string | undefined) ?? false;
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.on('error', () => {});
      connections.set(connectionId, client);
      client.on('message', (data) => {
        receive(webSocketEvent({ routeKey: '$default', connectionId, connectedAt, body: data.toString() }));
      });
      client.on('close', () => {
        connections.delete(connectionId);
        void handler(webSocketEvent({ routeKey: '$disconnect', connectionId, connectedAt }));
      });
    });
  });

  function receive(event: WebSocketEvent): void {
    if (overtaking === 'next') {
      overtaking = event;
      return;
    }
    const overtaken = overtaking;
    overtaking = 'no';
    const answered = handler(event);
    if (overtaken !== 'no') void answered.finally(() => handler(overtaken));
  }

  async function answerPost(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connectionId = decodeURIComponent(/^\/live\/@connections\/(.+)$/.exec(request.url ?? '')?.[1] ?? '');
    let body = '';
    for await (const chunk of request) body += chunk;
    const client = connections.get(connectionId);
    const failure = request.method === 'POST' ? failures.shift() : undefined;
    const status = failure ?? (client === undefined ? 410 : request.method === 'POST' ? 200 : 204);
    const errors: Record<number, string> = { 410: 'GoneException', 429: 'LimitExceededException' };
    response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': errors[status] ?? '' });
    response.end(status < 300 ? '' : '{"message":""}');
    if (status === 204) client?.close(1000);
    if (status !== 200) return;
    if (Buffer.byteLength(body) > 32 * 1024) throw new Error(`${Buffer.byteLength(body)} bytes were posted`);
    posts.push({ connectionId, message: JSON.parse(body) });
    client?.send(body);
  }

  return {
    url: `ws://${place}`,
    endpoint: `http://${place}`,
    posts,
    failNext: (...statuses) => void failures.push(...statuses),
    overtakeNext() {
      overtaking = 'next';
    },
    cut(tells) {
      for (const client of connections.values()) {
        if (!tells) client.removeAllListeners('close');
        client.terminate();
      }
      connections.clear();
    },
    open: () => connections.size,
    settled,
    close: async () => {
      const ends = [...connections.values()].map((client) => new Promise((resolve) => client.once('close', resolve)));
      for (const client of connections.values()) client.terminate();
      await Promise.all(ends);
      // What the handler does about that it does before the records are closed.
      await settled();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
