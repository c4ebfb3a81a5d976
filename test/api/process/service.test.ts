import { rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import { WebSocket } from 'ws';
import type { Settings } from '../../../api/process/env';
import { type Service, startService } from '../../../api/process/service';
import { applyEvent } from '../../../api/runs/run-life.service';
import { insertExperiment, insertRun } from '../../testkit/api-services';
import { connect, request } from '../../testkit/server-process';
import { serviceSettings } from '../../testkit/service-settings';
import { useTestFolder } from '../../testkit/test-folder';
import { eventually } from '../../testkit/test-runner';
import { stepRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

const started: Service[] = [];
// Stated before the folder is: hooks run in this order, and a service needs its folder to close.
afterEach(async () => {
  for (const service of started.splice(0)) await service.close();
});
const folder = useTestFolder();

async function start(given: Partial<Settings> = {}): Promise<Service> {
  const outcome = await startService(serviceSettings(folder.path(), given), () => {});
  if (outcome.kind === 'refused') throw new Error(outcome.message);
  started.push(outcome.service);
  return outcome.service;
}

describe('a server on the records of a stack on AWS', () => {
  it('starts without slots alone, and says why', async () => {
    const service = await start();
    const job = { name: 'j', queue: 'g5-spot', size: 1, timeout_seconds: 60, job_id: 'id', sending_at: '' };
    await service.services.database.insertInto('batch_job').values(job).execute();
    await service.close();
    started.pop();
    const refused = await startService(serviceSettings(folder.path(), { slots: 1 }), () => {});
    expect(refused).toEqual({
      kind: 'refused',
      message: expect.stringMatching(/AWS Batch carries out the runs: start with --slots 0/),
    });
    const health = await fetch(`${(await start({ slots: 0 })).address}/health`);
    expect(await health.json()).toMatchObject({ slots: { total: 0 } });
  });
});

const secret = 'a-secret-of-some-length';
const tokens = [{ name: 'ann', role: 'viewer' as const, token: secret }];

/** Status of a request with headers that `fetch` does not let one set. */
function statusOf(address: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(`${address}/health`, { headers }, (response) => resolve(response.resume().statusCode));
    sent.once('error', reject).end();
  });
}

/** How the opening of a WebSocket ends. */
function open(address: string, headers: Record<string, string>, parameters?: object): Promise<string> {
  const socket = new WebSocket(`${address.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers });
  return new Promise((resolve) => {
    socket.once('error', (error) => resolve(error.message));
    socket.once('close', (code) => resolve(`closed ${code}`));
    socket.once('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: parameters })));
    socket.once('message', (message) => {
      resolve(JSON.parse(message.toString()).type);
      socket.terminate();
    });
  });
}

/** What a WebSocket operation is answered with where it is not carried out. */
async function complaintsOf(address: string, query: string): Promise<string> {
  const client = connect(address);
  const errors: readonly { message: string }[] = await client
    .iterate({ query })
    .next()
    .then(
      ({ value }) => value?.errors ?? [],
      (thrown) => thrown,
    );
  await client.dispose();
  return errors.map(({ message }) => message).join('; ');
}

describe('starting and stopping', () => {
  it('refuses a data directory that another server holds, and takes it when that one has let go', async () => {
    const first = await start();
    const second = await startService(serviceSettings(folder.path()), () => {});
    expect(second).toMatchObject({ kind: 'refused', message: expect.stringContaining(first.address) });
    await started.pop()!.close();
    await start();
  });

  it('says that its port is taken, and lets go of the data directory', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    const outcome = await startService(serviceSettings(folder.path(), { port }), () => {});
    expect(outcome).toMatchObject({ kind: 'refused', message: expect.stringContaining(`127.0.0.1:${port} is in use`) });
    other.close();
    await start();
  });
});

describe('stores that cannot be used', () => {
  const refusal = async (given: Parameters<typeof serviceSettings>[1] = {}) => {
    const outcome = await startService(serviceSettings(folder.path(), given), () => {});
    return outcome.kind === 'refused' ? outcome.message : 'it started';
  };

  it('are told when the server starts: records that are damaged, and objects that cannot be written', async () => {
    const records = folder.write('data/records.sqlite', 'x'.repeat(5000));
    expect(await refusal()).toMatch(
      /records\.sqlite cannot be used \(file is not a database\): npm run reindex -- --data /,
    );
    rmSync(records);
    const objectsLocation = folder.write('file', '');
    expect(await refusal({ objectsLocation })).toContain(
      `see that ${objectsLocation} is a folder that can be read and`,
    );
    await start();
  });
});

describe('the explorer', () => {
  it('comes whole, with nothing to be had from elsewhere', async () => {
    const { address } = await start();
    const response = await fetch(new URL('/explorer', address));
    const page = await response.text();
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(page).not.toMatch(/<(script|link)[^>]+(src|href)="https?:|<script[^>]*>[^<]/);
    const addresses = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, path]) => new URL(path!, address));
    for (const each of addresses) expect((await fetch(each)).status).toBe(200);
  });
});

describe('the dashboard', () => {
  it('is what the address shows', async () => {
    const { address } = await start();
    const page = await (await fetch(address)).text();
    expect(page).toContain('<title>Stillhouse</title>');
    expect((await fetch(new URL('/dashboard.js', address))).status).toBe(200);
  });
});

describe('who may come in', () => {
  it('is nobody without a token where there are tokens, on either way in', async () => {
    const { address } = await start({ tokens });
    await expect(request(address, '{ viewer { name } }')).rejects.toThrow('send a token');
    await expect(request(address, '{ viewer { name } }', {}, 'wrong-but-long-enough')).rejects.toThrow('not known');
    expect(await request(address, '{ viewer { name } }', {}, secret)).toEqual({ viewer: { name: 'ann' } });
    expect(await open(address, {})).toBe('closed 4403');
    expect(await open(address, {}, { authorization: `Bearer ${secret}` })).toBe('connection_ack');
  });

  it('is no page of another site, and nobody under another name of this machine', async () => {
    const { address } = await start();
    const { host } = new URL(address);
    expect(await statusOf(address, { origin: address })).toBe(200);
    expect(await statusOf(address, { origin: 'http://evil.example' })).toBe(403);
    expect(await statusOf(address, { host: 'evil.example' })).toBe(403);
    expect(await open(address, { origin: address })).toBe('connection_ack');
    expect(await open(address, { origin: 'http://evil.example' })).toContain('403');
    expect(await open(address, { host: 'evil.example', origin: `http://${host}` })).toContain('403');
  });

  it('sends no form: only what a page of another site cannot send without asking first', async () => {
    const { address } = await start();
    const form = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{"query":"{viewer{name}}"}' };
    expect((await fetch(`${address}/graphql`, form)).status).toBe(400);
  });
});

describe('limits', () => {
  it('hold on the size of a body and on what an operation costs, on either way in', async () => {
    const { address } = await start();
    const large = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `"${'x'.repeat(1_100_000)}"`,
    };
    expect((await fetch(`${address}/graphql`, large)).status).toBe(413);
    const aliases = `{ ${Array.from({ length: 60 }, (_, place) => `a${place}: viewer { name }`).join(' ')} }`;
    await expect(request(address, aliases)).rejects.toThrow('aliases');
    expect(await complaintsOf(address, aliases)).toContain('aliases');
  });

  it('answer what is beyond them, and variables that do not fit, as the mistake of the caller', async () => {
    const { address } = await start();
    const send = async (query: string, variables: object) => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ query, variables });
      const response = await fetch(`${address}/graphql`, { method: 'POST', headers, body });
      const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
      return [response.status, errors[0]!.extensions.code];
    };
    const query = 'query ($first: Int!) { runs(first: $first) { nodes { id } } }';
    expect(await send(query, { first: 1_000_000 })).toEqual([400, 'LIMIT_EXCEEDED']);
    expect(await send(query, { first: 'many' })).toEqual([400, 'BAD_USER_INPUT']);
  });

  it('keep the schema to oneself where introspection is off', async () => {
    const { address } = await start({ introspection: false });
    await expect(request(address, '{ __schema { types { name } } }')).rejects.toThrow('introspection');
    expect(await complaintsOf(address, '{ __schema { types { name } } }')).toContain('introspection');
  });
});

describe('subscriptions', () => {
  const query = `subscription ($after: String) {
    metricsLogged(runId: "waiting", after: $after) { cursor attempt records { step values { name value } } }
  }`;

  /** A run that waits for another experiment to be launched, so that nothing touches it. */
  async function startWithWaitingRun() {
    const service = await start();
    await insertExperiment(service.services, { state: 'draft' });
    await insertRun(service.services, 'waiting');
    await writeAttempt(service.services.objects, 'waiting', 1, null);
    return service;
  }

  it('leave nothing behind when a connection is gone, however it went', async () => {
    const { address, services } = await startWithWaitingRun();
    const sockets = Array.from({ length: 5 }, () => {
      const socket = new WebSocket(`${address.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
      socket.once('open', () => socket.send('{"type":"connection_init"}'));
      socket.once('message', () => {
        const payload = { query: 'subscription { runUpdated(experimentId: "experiment") { cursor } }' };
        socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }));
      });
      return socket;
    });
    await eventually('all listen', async () => services.changes.listeners() === 5);
    for (const socket of sockets) socket.terminate();
    await eventually('nobody listens', async () => services.changes.listeners() === 0);
  });

  it('give metrics as they are written, and after a reconnect go on where they were', async () => {
    const { address, services } = await startWithWaitingRun();
    const write = async (sequence: number) => {
      await writeChunk(services.objects, 'waiting', 1, sequence, [stepRecord(sequence, { 'train/loss': sequence })]);
      services.changes.metricsWritten('waiting');
    };
    const stepsOf = async (after: string | null, count: number) => {
      const client = connect(address);
      const events: { cursor: string; steps: number[] }[] = [];
      for await (const { data } of client.iterate<{
        metricsLogged: { cursor: string; records: { step: number }[] };
      }>({ query, variables: { after } })) {
        const { cursor, records } = data!.metricsLogged;
        events.push({ cursor, steps: records.map(({ step }) => step) });
        if (events.length === count) break;
        await write(events.length + (after === null ? 0 : 2));
      }
      await client.dispose();
      return events;
    };
    await write(0);
    const first = await stepsOf(null, 3);
    expect(first.map(({ steps }) => steps)).toEqual([[0], [1], [2]]);
    await write(3);
    const second = await stepsOf(first[1]!.cursor, 3);
    expect(second.map(({ steps }) => steps)).toEqual([[2], [3], [4]].slice(0, 3));
  });

  it('keep messages small: a large chunk comes in parts, each with a cursor of its own', async () => {
    const { address, services } = await startWithWaitingRun();
    const values = Object.fromEntries(
      Array.from({ length: 900 }, (_, place) => [`dev/class/number ${place}/f1`, place]),
    );
    await writeChunk(services.objects, 'waiting', 1, 0, [stepRecord(1, values)]);
    await applyEvent(services, 'waiting', { kind: 'cancel-requested' });
    const socket = new WebSocket(`${address.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const messages: string[] = [];
    socket.once('open', () => socket.send('{"type":"connection_init"}'));
    socket.on('message', (message) => {
      messages.push(message.toString());
      if (messages.length === 1) socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
      if (JSON.parse(message.toString()).type === 'complete') socket.close();
    });
    await new Promise((resolve) => socket.once('close', resolve));

    const parts = messages.map((message) => JSON.parse(message)).filter(({ type }) => type === 'next');
    const logged = parts.flatMap(({ payload }) => payload.data.metricsLogged.records);
    const found = logged.flatMap((record: { values: { name: string; value: number }[] }) => record.values);
    expect(Object.fromEntries(found.map(({ name, value }) => [name, value]))).toEqual(values);
    expect(new Set(parts.map(({ payload }) => payload.data.metricsLogged.cursor)).size).toBe(parts.length);
    expect(Math.max(...messages.map((message) => Buffer.byteLength(message)))).toBeLessThan(24 * 1024);
  });

  it('say what is wrong with a cursor, a run or an experiment', async () => {
    const { address } = await start();
    for (const [text, message] of [
      ['subscription { runUpdated(experimentId: "x") { cursor } }', 'there is no experiment "x"'],
      ['subscription { metricsLogged(runId: "x") { cursor } }', 'there is no run "x"'],
      ['subscription { metricsLogged(runId: "x", after: "y") { cursor } }', '"y" is no cursor'],
    ] as const)
      expect(await complaintsOf(address, text)).toContain(message);
  });

  it('asked for over HTTP, say where they are answered', async () => {
    const { address } = await start();
    const asked = request(address, 'subscription { runUpdated(experimentId: "experiment") { cursor } }');
    await expect(asked).rejects.toThrow('over a WebSocket alone');
  });
});
