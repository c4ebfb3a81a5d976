import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { type Leaving, sendRaw } from '../../testkit/raw-client';
import { seeded } from '../../testkit/seed';
import { type ServerProcess, startServerProcess } from '../../testkit/server-process';

// One server for all tests: what one client did must not harm the next.
const folder = mkdtempSync(join(tmpdir(), 'stillhouse-test-'));
let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess(folder);
});
afterAll(async () => {
  await server?.end('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

/** Everything must be as if the client had not been there: the server answers, and has nothing to report. */
async function expectUnharmed(): Promise<void> {
  expect((await fetch(`${server.address}/health`)).status).toBe(200);
  expect(server.output()).not.toMatch(/^\s+at |error|fatal/im);
}

const host = () => new URL(server.address).host;
const upgrade = (target: string, more: readonly string[] = []) =>
  [
    `GET ${target} HTTP/1.1`,
    `Host: ${host()}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Protocol: graphql-transport-ws',
    ...more,
    '\r\n',
  ].join('\r\n');
const post = (body: string, more: readonly string[] = []) =>
  [
    'POST /graphql HTTP/1.1',
    `Host: ${host()}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...more,
    `\r\n${body}`,
  ].join('\r\n');

/** A frame as a client sends it, masked with zeros. */
function frame(firstByte: number, payload: Uint8Array | string, announced?: number): Buffer {
  const bytes = Buffer.from(payload);
  const length = announced ?? bytes.length;
  const head = length < 126 ? [firstByte, 0x80 | length] : [firstByte, 0xfe, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), bytes]);
}

describe('a WebSocket handshake', () => {
  it.each(['//', '//evil/graphql', '/\\', 'http://', '*', '/graphql/../x', '/%', '?', '#', '/graphql#x'])(
    'to the target %s is refused and harms nothing',
    async (target) => {
      expect(await sendRaw(server.address, [upgrade(target)], 'answered')).toMatch(/^HTTP\/1\.1 40[04] /);
      await expectUnharmed();
    },
  );

  it('that is refused is closed at once, though the client keeps its half open', async () => {
    const started = performance.now();
    await sendRaw(server.address, [upgrade('/nowhere')], 'wait', 20_000);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('to /graphql with a query in its target is accepted', async () => {
    expect(await sendRaw(server.address, [upgrade('/graphql?x=1')], 'answered')).toMatch(/^HTTP\/1\.1 101 /);
  });

  it.each<Leaving>(['end', 'destroy', 'reset'])(
    'left by %s before and after a refusal harms nothing',
    async (leaving) => {
      const attempts = ['/nowhere', '//', '/graphql'].flatMap((target) => [
        sendRaw(server.address, [upgrade(target)], leaving),
        sendRaw(server.address, [upgrade(target).slice(0, 60)], leaving),
        sendRaw(server.address, [upgrade(target, ['Origin: http://evil.example'])], leaving),
        sendRaw(server.address, [upgrade(target), randomBytes(2000), randomBytes(2000)], leaving),
      ]);
      await Promise.all(attempts);
      await expectUnharmed();
    },
  );
});

describe('a WebSocket', () => {
  const text = 0x81;
  it.each<[string, Buffer[]]>([
    ['an unknown opcode', [frame(0x83, 'x')]],
    ['reserved bits', [frame(0xf1, 'x')]],
    ['a continuation of nothing', [frame(0x80, 'x')]],
    ['a long ping', [frame(0x89, 'x'.repeat(126))]],
    ['a ping in fragments', [frame(0x09, 'x')]],
    ['bytes that are not UTF-8', [frame(text, Uint8Array.of(0xc3, 0x28))]],
    ['a close code that does not exist', [frame(0x88, Uint8Array.of(0, 1))]],
    ['half a frame', [frame(text, 'x', 100)]],
    [
      'a message without end',
      Array.from({ length: 40 }, (_, at) => frame(at === 0 ? 0x01 : 0x00, randomBytes(60_000))),
    ],
    ['text that is not JSON', [frame(text, '{')]],
    ['JSON that is not a message', [frame(text, '[1]')]],
    [
      'a message of the server',
      [frame(text, '{"type":"connection_ack"}'), frame(text, '{"type":"next","id":"1","payload":{}}')],
    ],
    [
      'an operation before it is let in',
      [frame(text, '{"type":"subscribe","id":"1","payload":{"query":"{viewer{name}}"}}')],
    ],
    ['two greetings', [frame(text, '{"type":"connection_init"}'), frame(text, '{"type":"connection_init"}')]],
  ])('with %s is closed and harms nothing', async (_what, frames) => {
    await sendRaw(server.address, [upgrade('/graphql'), ...frames], 'wait');
    await sendRaw(server.address, [upgrade('/graphql'), ...frames], 'reset');
    await expectUnharmed();
  });

  it('that is reset with operations under way harms nothing', async () => {
    const subscribe = (id: number) =>
      frame(text, JSON.stringify({ type: 'subscribe', id: `${id}`, payload: { query: '{ methods { name } }' } }));
    const frames = [frame(text, '{"type":"connection_init"}'), ...Array.from({ length: 50 }, (_, id) => subscribe(id))];
    await Promise.all(
      Array.from({ length: 5 }, () => sendRaw(server.address, [upgrade('/graphql'), ...frames], 'reset')),
    );
    await expectUnharmed();
  });

  it('of a client that asks and does not read is ended', async () => {
    const client = new WebSocket(`${server.address.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await new Promise((resolve) => client.once('open', resolve));
    client.on('error', () => {});
    client.pause();
    const ended = new Promise((resolve) => client.once('close', resolve));
    const ping = JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(500_000) } });
    for (let sent = 0; sent < 60 && client.readyState === client.OPEN; sent++) {
      await new Promise((resolve) => client.send(ping, resolve));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    client.resume();
    await ended;
    await expectUnharmed();
  });
});

describe('an HTTP request', () => {
  it.each<[string, () => string[]]>([
    ['a preface of HTTP/2', () => ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']],
    [
      'an upgrade to HTTP/2',
      () => [`GET /health HTTP/1.1\r\nHost: ${host()}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`],
    ],
    ['CONNECT', () => [`CONNECT ${host()} HTTP/1.1\r\nHost: ${host()}\r\n\r\n`]],
    ['a greeting of TLS', () => ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03']],
    ['headers without end', () => [`GET /health HTTP/1.1\r\n${'X: y\r\n'.repeat(20_000)}`]],
    ['a huge header', () => [`GET /health HTTP/1.1\r\nX: ${'y'.repeat(200_000)}\r\n\r\n`]],
    ['two lengths', () => [post('{}', ['Content-Length: 3'])]],
    ['a length and chunks', () => [post('0\r\n\r\nGET /x HTTP/1.1\r\n\r\n', ['Transfer-Encoding: chunked'])]],
    [
      'a broken chunk',
      () => [`POST /graphql HTTP/1.1\r\nHost: ${host()}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n`],
    ],
    ['a body that is cut short', () => [post('{"query":"{viewer{name}}"}').slice(0, -5)]],
    ['a body that is not what its encoding says', () => [post('{}', ['Content-Encoding: gzip'])]],
    ['an encoding that does not exist', () => [post('{}', ['Content-Encoding: zip'])]],
    ['a charset that does not exist', () => [post('{}').replace('json', 'json; charset=klingon')]],
    ['a target that is not a path', () => [`GET http://[ HTTP/1.1\r\nHost: ${host()}\r\n\r\n`]],
    ['a target with a broken escape', () => [`GET /export/%E0%A4%A HTTP/1.1\r\nHost: ${host()}\r\n\r\n`]],
    ['a host that is not a name', () => ['GET /health HTTP/1.1\r\nHost: [\r\n\r\n']],
    ['no host', () => ['GET /health HTTP/1.1\r\n\r\n']],
    ['a hundred requests at once', () => [`GET /health HTTP/1.1\r\nHost: ${host()}\r\n\r\n`.repeat(100)]],
    ['an unmet expectation', () => [post('{}', ['Expect: the unexpected'])]],
    [
      'a trailer',
      () => [
        `GET /health HTTP/1.1\r\nHost: ${host()}\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\nX: y\r\n\r\n`,
      ],
    ],
  ])('with %s harms nothing', async (_what, parts) => {
    for (const leaving of ['wait', 'reset', 'end'] as const) await sendRaw(server.address, parts(), leaving);
    await expectUnharmed();
  });
});

describe('any bytes', () => {
  const leaving = fc.constantFrom<Leaving>('end', 'destroy', 'reset', 'wait');
  const target = fc.oneof(
    fc.constantFrom('/', '/graphql', '/health', '/explorer', '/dashboard.js', '//', '/export/runs.csv?filter={'),
    fc.webUrl(),
    fc.string({ maxLength: 30 }),
    fc.string({ unit: 'binary', maxLength: 30 }),
  );
  const headerName = fc.constantFrom(
    ...['Host', 'Origin', 'Connection', 'Upgrade', 'Content-Length', 'Transfer-Encoding', 'Expect', 'Cookie', 'Accept'],
    ...['Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Sec-WebSocket-Protocol', 'Sec-WebSocket-Extensions'],
    ...['Content-Type', 'Content-Encoding', 'Accept-Encoding', 'Authorization', 'If-None-Match', 'Range', 'X'],
  );
  const headerValue = fc.oneof(
    fc.constantFrom('Upgrade', 'websocket', 'chunked', '13', '0', '-1', '99999999999', 'gzip', 'application/json', '*'),
    fc.string({ maxLength: 40 }),
    fc.string({ unit: 'binary', maxLength: 40 }),
  );
  const head = fc
    .tuple(
      fc.constantFrom('GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'CONNECT', 'TRACE', 'get', 'PRI'),
      target,
      fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP'),
      fc.array(fc.tuple(headerName, headerValue), { maxLength: 8 }),
    )
    .map(([method, path, version, headers]) =>
      [`${method} ${path} ${version}`, ...headers.map(([name, value]) => `${name}: ${value}`), '\r\n'].join('\r\n'),
    );
  const bytes = fc.uint8Array({ maxLength: 300 });
  const masked = fc.tuple(fc.integer({ min: 0, max: 255 }), bytes).map(([first, payload]) => frame(first, payload));
  const handshake = fc.constantFrom('/graphql', '/nowhere').map((path) => upgrade(path));
  const parts = fc.oneof(
    fc.array(bytes, { minLength: 1, maxLength: 4 }),
    fc.tuple(head, bytes),
    fc.tuple(head, head),
    fc.tuple(handshake, masked, masked, bytes),
    fc.tuple(fc.tuple(head, fc.nat(200)).map(([whole, length]) => whole.slice(0, length))),
  );

  it('that clients send, and however they leave, harm nothing', async () => {
    const clients = fc.array(fc.tuple(parts, leaving), { minLength: 12, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(clients, async (given) => {
        await Promise.all(given.map(([sent, how]) => sendRaw(server.address, sent, how)));
        await expectUnharmed();
      }),
      { ...seeded(), numRuns: 25 },
    );
  });
});
