import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { MessageSender, SharedPayload } from '../../../api/http/message-sender';

let http: HttpServer;
let sockets: WebSocketServer;
let client: WebSocket;
let server: WebSocket;
let sender: MessageSender;

beforeEach(async () => {
  http = createServer();
  sockets = new WebSocketServer({ server: http });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const connected = once(sockets, 'connection');
  client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  [server] = (await connected) as [WebSocket];
  sender = new MessageSender(server, 30_000);
  await once(client, 'open');
});

afterEach(async () => {
  jest.restoreAllMocks();
  client.terminate();
  sockets.close();
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
});

it('fills a shared payload into the message around it, and leaves other messages alone', async () => {
  const received: string[] = [];
  client.on('message', (data, isBinary) => received.push(`${isBinary} ${data}`));
  const payload = new SharedPayload(Buffer.from('{"data":{"é":"ü"}}'));
  for (const id of ['1', 'q"\\', '"payload":0}']) void sender.send(JSON.stringify({ id, type: 'next', payload }));
  await sender.send('{"type":"pong"}');
  while (received.length < 4) await once(client, 'message');
  const next = { type: 'next', payload: { data: { é: 'ü' } } };
  expect(received.map((text) => JSON.parse(text.replace('false ', '')))).toEqual([
    { id: '1', ...next },
    { id: 'q"\\', ...next },
    { id: '"payload":0}', ...next },
    { type: 'pong' },
  ]);
});

it('cuts a client that takes nothing for ten seconds, with the reason, and no other', async () => {
  void sender.send('{}');
  await once(client, 'message');
  const now = performance.now();
  const clock = jest.spyOn(performance, 'now').mockReturnValue(now);
  client.pause();
  // More than the buffers of both ends hold.
  for (let sent = 0; sent < 200; sent += 1) void sender.send('x'.repeat(100_000));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(server.bufferedAmount).toBeGreaterThan(0);
  clock.mockReturnValue(now + 9_000);
  sender.cutIfStalled();
  expect(server.readyState).toBe(WebSocket.OPEN);
  clock.mockReturnValue(now + 11_000);
  sender.cutIfStalled();
  expect(server.readyState).toBe(WebSocket.CLOSING);
  const closed = once(client, 'close');
  client.resume();
  const [code, reason] = await closed;
  expect([code, String(reason)]).toEqual([1013, expect.stringContaining('go on behind the last cursor')]);
});

it('leaves a client alone that has taken everything, however long ago', async () => {
  void sender.send('{}');
  await once(client, 'message');
  jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 60_000);
  sender.cutIfStalled();
  expect(server.readyState).toBe(WebSocket.OPEN);
});
