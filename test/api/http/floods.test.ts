import { mkdtempSync, rmSync } from 'node:fs';
import { type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { WebSocket } from 'ws';
import { mostOperationsPerSocket } from '../../../api/graphql/operation';
import { createHttpServer, usualPatience } from '../../../api/http/http-server';
import { limits } from '../../../api/shared/limits';
import { createExperimentMutation, experimentInput } from '../../testkit/experiment-input';
import { request, type ServerProcess, startServerProcess } from '../../testkit/server-process';

describe('slow clients', () => {
  const patience = { ...usualPatience, headersMilliseconds: 200, requestMilliseconds: 400, checkMilliseconds: 50 };
  const bytes = { head: 'POST /graphql HTTP/1.1\r\nHost: localhost\r\nX: ', body: `${'Content-Length: 1000'}\r\n\r\n` };
  let server: Server;
  const sockets: Socket[] = [];
  const listening = async (given: Partial<typeof usualPatience> = {}) => {
    server = createHttpServer(
      (request, response) => {
        request.resume().once('end', () => response.end('answered'));
      },
      { ...patience, ...given },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  /** Sends what is given, and then one byte after the other for as long as the server takes it. @returns what came */
  function drip(port: number, begin: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    let received = '';
    return new Promise((resolve) => {
      if (begin !== '') socket.write(begin);
      const dripping = begin === '' ? undefined : setInterval(() => socket.write('x'), 20);
      socket.on('data', (data) => {
        received += data;
      });
      socket.on('error', () => {});
      socket.once('close', () => {
        clearInterval(dripping);
        resolve(received);
      });
    });
  }

  it.each([
    ['headers', bytes.head],
    ['a body', `${bytes.head}y\r\n${bytes.body}`],
    ['nothing at all', ''],
  ])('that drip %s are cut off, a hundred of them, and others are answered meanwhile', async (_what, begin) => {
    const port = await listening();
    const cut = Promise.all(Array.from({ length: 100 }, () => drip(port, begin)));
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect(await answer.text()).toBe('answered');
    for (const received of await cut) expect(received).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });

  it('beyond the number of connections are closed at once', async () => {
    const port = await listening({ connections: 3, headersMilliseconds: 60_000, requestMilliseconds: 60_000 });
    for (let at = 0; at < 3; at += 1) void drip(port, bytes.head);
    while (sockets.some((socket) => socket.connecting)) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await drip(port, bytes.head)).toBe('');
  });
});

describe('a flood of', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stillhouse-test-'));
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServerProcess(folder, { tokens: 'ann:admin:a-token-of-twenty-characters' });
  });
  afterAll(async () => {
    await server?.end('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });
  const authorization = 'Bearer a-token-of-twenty-characters';

  /** A connection, and the code that it is closed with. */
  async function open(options: { perMessageDeflate?: boolean } = {}) {
    const url = `${server.address.replace('http', 'ws')}/graphql`;
    const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false, ...options });
    socket.on('error', () => {});
    const closed = new Promise<number>((resolve) => socket.once('close', resolve));
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const messages: { id?: string; type: string; payload?: unknown }[] = [];
    socket.on('message', (data) => messages.push(JSON.parse(String(data))));
    const send = (message: object) => socket.send(JSON.stringify(message));
    const received = async (is: () => boolean) => {
      while (!is()) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    return { socket, closed, messages, send, received };
  }

  it('connections that say nothing is let go', async () => {
    const silent = await Promise.all(Array.from({ length: 50 }, () => open()));
    // "Connection initialisation timeout" of graphql-transport-ws.
    for (const { closed } of silent) expect(await closed).toBe(4408);
  });

  it('connections without a token is let go', async () => {
    const { closed, send } = await open();
    send({ type: 'connection_init' });
    expect(await closed).toBe(4403);
  });

  it('compressed messages is not taken: the extension is not agreed on', async () => {
    const { socket } = await open({ perMessageDeflate: true });
    expect(socket.extensions).toBe('');
    socket.terminate();
  });

  it('bytes in one message ends the connection', async () => {
    const { socket, closed } = await open();
    socket.send('x'.repeat(limits.bodyBytes + 1));
    expect(await closed).toBe(1009);
  });

  it('subscriptions on one connection stops at the most it carries, and those go on', async () => {
    const { socket, messages, send, received } = await open();
    send({ type: 'connection_init', payload: { authorization } });
    await received(() => messages.some(({ type }) => type === 'connection_ack'));
    const created = await request<{ createExperiment: { experiment: { id: string } } }>(
      server.address,
      createExperimentMutation,
      { input: experimentInput() },
      authorization.replace('Bearer ', ''),
    );
    const { id: experimentId } = created.createExperiment.experiment;
    const query = 'subscription ($experimentId: ID!) { runUpdated(experimentId: $experimentId) { cursor run { id } } }';
    const [refused, flood] = [50, 50 + mostOperationsPerSocket];
    for (let id = 0; id < flood; id += 1)
      send({ id: `${id}`, type: 'subscribe', payload: { query, variables: { experimentId } } });
    const ofType = (wanted: string) => messages.filter(({ type }) => type === wanted);
    const served = () => new Set(ofType('next').map(({ id }) => id)).size;
    await received(() => ofType('error').length === refused && served() === mostOperationsPerSocket);
    for (const { payload } of ofType('error'))
      expect(JSON.stringify(payload)).toContain(`at most ${mostOperationsPerSocket} operations`);
    // One that ends makes room for another.
    send({ id: ofType('next')[0]!.id, type: 'complete' });
    send({ id: 'later', type: 'subscribe', payload: { query, variables: { experimentId } } });
    await received(() => messages.some(({ id, type }) => id === 'later' && type === 'next'));
    socket.terminate();
  });

  it.each([
    ['50 MB of zeros', gzipSync(Buffer.alloc(50_000_000))],
    ['a query', gzipSync('{"query":"{ viewer { name } }"}')],
  ])('%s in a compressed body is refused unopened', async (_what, body) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', authorization };
    const response = await fetch(`${server.address}/graphql`, { method: 'POST', headers, body });
    expect(response.status).toBe(415);
    expect(await response.text()).toMatch(/unsupported/);
  });

  it('all of these harms nothing', async () => {
    expect((await fetch(`${server.address}/health`)).status).toBe(200);
    expect(server.output()).not.toMatch(/^\s+at |error|fatal/im);
  });
});
