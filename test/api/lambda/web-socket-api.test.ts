import type { Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { apiGatewayConnections } from '../../../api/lambda/connections';
import { endExpiredConnections } from '../../../api/subscriptions/expired';
import { metricsKey } from '../../../contract/keys';
import { insertExperiment, insertRun, readRun, useTestServices } from '../../testkit/api-services';
import { s3Message } from '../../testkit/lambda-events';
import { useLiveStack } from '../../testkit/live-stack';
import { eventually } from '../../testkit/test-runner';
import { stepRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

const live = useLiveStack();
const services = useTestServices();
beforeEach(async () => {
  await live.start(services());
  await insertExperiment(services());
  await insertRun(services(), 'r', { state: 'RUNNING', attempt: 1 });
  await writeAttempt(services().objects, 'r', 1, null);
});

const bearer = live.parameters;
const metrics =
  'subscription ($after: String) { metricsLogged(runId: "r", after: $after) { cursor records { step } } }';

/** Follows the metrics of the run; `steps` grows as they come. */
function follow(client: Client, query = metrics) {
  const seen = { steps: [] as number[], ended: null as unknown, stop: () => {} };
  seen.stop = client.subscribe<{ metricsLogged: { records: { step: number }[] } }>(
    { query },
    {
      next: ({ data }) => seen.steps.push(...data!.metricsLogged.records.map(({ step }) => step)),
      error: (error) => {
        seen.ended = error;
      },
      complete: () => {
        seen.ended = 'complete';
      },
    },
  );
  return seen;
}

/** Writes a chunk of one step, and gives the message that S3 sends of it. */
async function write(sequence: number): Promise<string> {
  await writeChunk(services().objects, 'r', 1, sequence, [stepRecord(sequence, { 'train/loss': sequence })]);
  return s3Message(metricsKey('r', 1, sequence));
}

const rows = async (table: 'connection' | 'connection_operation') =>
  (await services().database.selectFrom(table).select('id').execute()).length;
/** The operations, and the ends of such as were not there. */
const names = async () => {
  const all = services().database.selectFrom('connection_operation').select(['client_id', 'ended_at']);
  const found = await all.orderBy('client_id').execute();
  return found.map(({ client_id, ended_at }) => (ended_at === null ? client_id : `${client_id} ended`));
};
const counted = async (ended: boolean) => (await names()).filter((name) => name.endsWith(' ended') === ended).length;
const stored = (count: number) => eventually(`${count} operations`, async () => (await counted(false)) === count);
const noted = (count: number) => eventually(`${count} ends`, async () => (await counted(true)) === count);

/** A raw connection: what it was sent, and how it ended. */
async function raw(headers: Record<string, string> = {}, protocol = 'graphql-transport-ws') {
  const socket = new WebSocket(live.stack.gateway.url, protocol, { headers });
  const messages: { type: string; payload?: { closing?: { code: number; reason: string } } }[] = [];
  socket.on('message', (data) => messages.push(JSON.parse(data.toString())));
  const ended = new Promise<string>((resolve) => {
    socket.once('close', (code) => resolve(`closed ${code}`));
    socket.once('error', (error) => resolve(error.message));
  });
  const opened = new Promise<void>((resolve) => socket.once('open', () => resolve()));
  const send = (message: object) => socket.send(JSON.stringify(message));
  return { socket, messages, ended, opened, send };
}

/** A raw connection that was let in. `settled`: all that it sent was answered. */
async function begun() {
  const connection = await raw();
  await connection.opened;
  connection.send({ type: 'connection_init', payload: bearer });
  await eventually('an ack', async () => connection.messages.length > 0);
  const settled = async () => {
    connection.send({ type: 'ping' });
    await eventually('a pong', async () => connection.messages.some(({ type }) => type === 'pong'));
    await live.stack.gateway.settled();
  };
  return { ...connection, settled };
}

const subscription = (id: string) => ({ id, type: 'subscribe', payload: { query: metrics } });
const complete = (id: string) => ({ id, type: 'complete' });

describe('who may connect', () => {
  it('is who sends a token with connection_init', async () => {
    const connection = await begun();
    expect(connection.messages).toEqual([{ type: 'connection_ack' }]);
    const [row] = await services().database.selectFrom('connection').selectAll().execute();
    expect(row).toMatchObject({ viewer_name: 'ann', viewer_role: 'viewer', acknowledged: 1 });
    connection.socket.terminate();
  });

  it('is who sends it in a header, where a client can', async () => {
    const connection = await raw(bearer);
    await connection.opened;
    connection.send({ type: 'connection_init' });
    await eventually('an ack', async () => connection.messages.length > 0);
    expect(connection.messages).toEqual([{ type: 'connection_ack' }]);
    connection.socket.terminate();
  });

  it('is nobody else: a wrong token is told, and leaves nothing behind', async () => {
    const connection = await raw();
    await connection.opened;
    connection.send({ type: 'connection_init', payload: { authorization: 'Bearer wrong-but-long-enough' } });
    expect(await connection.ended).toBe('closed 1000');
    expect(connection.messages[0]).toMatchObject({
      type: 'ping',
      payload: { closing: { code: 4403, reason: 'Forbidden: the token is not known' } },
    });
    expect(await (await raw({ authorization: 'Bearer wrong-but-long-enough' })).ended).toContain('401');
    expect(await (await raw({}, 'another-protocol')).ended).toContain('400');
    expect(await rows('connection')).toBe(0);
  });
});

describe('the protocol', () => {
  it.each([
    ['subscribes before it is acknowledged', [{ id: '1', type: 'subscribe', payload: { query: metrics } }], 4401],
    ['is no message', [{ type: 'hello' }], 4400],
    ['speaks for the server', [{ type: 'connection_ack' }], 4400],
    [
      'begins twice',
      [
        { type: 'connection_init', payload: bearer },
        { type: 'connection_init', payload: bearer },
      ],
      4429,
    ],
  ])('ends a connection that %s', async (_what, messages, code) => {
    const connection = await raw();
    await connection.opened;
    for (const message of messages) {
      connection.send(message);
      await eventually('an answer', async () => connection.messages.length > 0);
    }
    await connection.ended;
    expect(connection.messages.at(-1)?.payload?.closing?.code).toBe(code);
    await eventually('nothing is left', async () => (await rows('connection')) === 0);
  });

  it('ends a connection that gives two operations one name', async () => {
    const connection = await begun();
    connection.send(subscription('1'));
    await stored(1);
    connection.send(subscription('1'));
    await connection.ended;
    expect(connection.messages.at(-1)?.payload?.closing).toEqual({
      code: 4409,
      reason: 'Subscriber for 1 already exists',
    });
    await stored(0);
  });

  it('answers a ping', async () => {
    const connection = await raw();
    await connection.opened;
    connection.send({ type: 'ping', payload: { at: 1 } });
    await eventually('a pong', async () => connection.messages.length > 0);
    expect(connection.messages).toEqual([{ type: 'pong', payload: { at: 1 } }]);
    connection.socket.terminate();
  });

  it('says of an operation what is wrong with it, and stores none such', async () => {
    const client = live.connect();
    const complaint = async (query: string) => {
      const thrown = await client
        .iterate({ query })
        .next()
        .catch((errors) => errors);
      return (thrown as { message: string }[])[0]?.message;
    };
    const byHttp = 'this address carries subscriptions alone: send queries and mutations by HTTP';
    expect(await complaint('{ viewer { name } }')).toBe(byHttp);
    expect(await complaint('mutation { cancelRun(runId: "r") { __typename } }')).toBe(byHttp);
    expect((await readRun(services(), 'r')).state).toBe('RUNNING');
    expect(await complaint('subscription { nothing }')).toContain('Cannot query field "nothing"');
    expect(await complaint('subscription { metricsLogged(runId: "x") { cursor } }')).toBe('runId: there is no run "x"');
    expect(await complaint('subscription { metricsLogged(runId: "r", after: "y") { cursor } }')).toContain(
      '"y" is no cursor',
    );
    expect(await rows('connection_operation')).toBe(0);
  });

  it('does not begin an operation whose end came before its beginning', async () => {
    const connection = await begun();
    live.stack.gateway.overtakeNext();
    connection.send(subscription('1'));
    connection.send(complete('1'));
    await noted(1);
    await connection.settled();
    expect(await names()).toEqual(['1 ended']);
    await write(1);
    await live.stack.drain();
    expect(connection.messages.filter(({ type }) => type === 'next')).toEqual([]);
  });

  it('takes the name of an ended operation for another one, and forgets the end in time', async () => {
    const connection = await begun();
    for (const id of ['1', '2']) connection.send(complete(id));
    await noted(2);
    connection.send(subscription('1'));
    await stored(1);
    const longAgo = new Date(Date.now() - 120_000).toISOString();
    const notes = services().database.updateTable('connection_operation').set({ ended_at: longAgo });
    await notes.where('ended_at', 'is not', null).execute();
    connection.send(complete('3'));
    await eventually('a note of 3', async () => (await names()).includes('3 ended'));
    expect(await names()).toEqual(['1', '3 ended']);
  });

  it('leaves nothing of operations that end while they begin', async () => {
    const connection = await begun();
    for (let id = 0; id < 20; id += 1) {
      connection.send(subscription(`${id}`));
      connection.send(complete(`${id}`));
    }
    await connection.settled();
    expect(await counted(false)).toBe(0);
    live.stack.gateway.cut(true);
    await eventually('nothing is left', async () => (await rows('connection_operation')) === 0);
  });

  it('carries a limited number of operations', async () => {
    const client = live.connect();
    const followed = Array.from({ length: 100 }, () => follow(client));
    await stored(100);
    const last = follow(client);
    await eventually('a refusal', async () => last.ended !== null);
    expect(JSON.stringify(last.ended)).toContain('at most 100 operations');
    for (const { stop } of followed) stop();
    await stored(0);
  });
});

describe('events', () => {
  it('come first as far as they are there, then as they are written, and an operation that was ended has none', async () => {
    await write(1);
    const client = live.connect();
    const seen = follow(client);
    await stored(1);
    await live.stack.drain();
    await eventually('what was there', async () => seen.steps.length === 1);
    await live.stack.fanOut([await write(2), await write(3)]);
    await eventually('what came', async () => seen.steps.length === 3);
    expect(seen.steps).toEqual([1, 2, 3]);
    seen.stop();
    await stored(0);
    await live.stack.fanOut([await write(4)]);
    expect(seen.steps).toEqual([1, 2, 3]);
  });

  it('come again neither for a doubled message nor for a late one', async () => {
    const seen = follow(live.connect());
    await stored(1);
    const messages = [await write(1), await write(2), await write(3)];
    await live.stack.fanOut(messages);
    await live.stack.fanOut([messages[2]!, messages[0]!, messages[0]!]);
    await live.stack.drain();
    await eventually('all', async () => seen.steps.length >= 3);
    expect(live.stack.gateway.posts.filter(({ message }) => message.type === 'next')).toHaveLength(3);
  });

  it('of runs come to those who follow the experiment', async () => {
    const changes: string[] = [];
    live.connect().subscribe<{ runUpdated: { run: { id: string; state: string; progress: { step: number } } } }>(
      {
        query: 'subscription { runUpdated(experimentId: "experiment") { cursor run { id state progress { step } } } }',
      },
      { next: ({ data }) => void changes.push(data!.runUpdated.run.id), error: () => {}, complete: () => {} },
    );
    await stored(1);
    await live.stack.drain();
    await eventually('the run as it is', async () => changes.length === 1);
    await live.stack.fanOut([await write(1)]);
    await eventually('the run as it has become', async () => changes.length === 2);
  });

  it('do not reach who has left, whose operations are dropped; others do not notice', async () => {
    const [leaver, stayer] = [follow(live.connect()), follow(live.connect())];
    await stored(2);
    await live.stack.drain();
    live.stack.gateway.failNext(410);
    expect(await live.stack.fanOut([await write(1)])).toEqual([]);
    await eventually('one has it', async () => leaver.steps.length + stayer.steps.length === 1);
    expect([await rows('connection'), await rows('connection_operation')]).toEqual([1, 1]);
  });

  it('are sent again where the gateway is busy', async () => {
    const seen = follow(live.connect());
    await stored(1);
    await live.stack.drain();
    live.stack.gateway.failNext(429, 429, 500);
    expect(await live.stack.fanOut([await write(1)])).toEqual([]);
    await eventually('it', async () => seen.steps.length === 1);
  });

  it('that reach one client and not another come once more for that one alone', async () => {
    jest.spyOn(console, 'error').mockImplementation(() => {});
    const [one, other] = [follow(live.connect()), follow(live.connect())];
    await stored(2);
    await live.stack.drain();
    const message = await write(1);
    // All tries of one post, whichever of the two it is of: the other's comes between.
    live.stack.gateway.failNext(400);
    expect(await live.stack.fanOut([message])).toEqual([message]);
    await eventually('one has it', async () => one.steps.length + other.steps.length === 1);
    expect(await live.stack.fanOut([message])).toEqual([]);
    await eventually('both have it', async () => one.steps.length + other.steps.length === 2);
    expect([one.steps, other.steps]).toEqual([[1], [1]]);
  });

  it('end when the run is over', async () => {
    const seen = follow(live.connect());
    await stored(1);
    await write(1);
    await services().database.updateTable('run').set({ state: 'SUCCEEDED' }).execute();
    await live.stack.drain();
    await eventually('the end', async () => seen.ended !== null);
    expect([seen.steps, seen.ended]).toEqual([[1], 'complete']);
    expect(await rows('connection_operation')).toBe(0);
  });

  it('of a large chunk come in parts that fit into a message', async () => {
    const values = Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`dev/class/number ${n}/f1`, n]));
    await writeChunk(services().objects, 'r', 1, 0, [stepRecord(1, values)]);
    const query = `subscription { metricsLogged(runId: "r") { cursor records { step values { name value } } } }`;
    follow(live.connect(), query);
    await stored(1);
    await live.stack.drain();
    const sent = live.stack.gateway.posts.map(({ message }) => message).filter(({ type }) => type === 'next');
    expect(sent.length).toBeGreaterThan(1);
    for (const message of sent) expect(Buffer.byteLength(JSON.stringify(message))).toBeLessThan(24 * 1024);
    const records = sent.flatMap(({ payload }) => (payload as never as Logged).data.metricsLogged.records);
    expect(
      Object.fromEntries(records.flatMap((record) => record.values.map(({ name, value }) => [name, value]))),
    ).toEqual(values);
  });

  it('stop at the end of the two hours, or of the token, whichever is first', async () => {
    const seen = follow(live.connect());
    await stored(1);
    const [connection] = await services().database.selectFrom('connection').selectAll().execute();
    const hours = (Date.parse(connection!.expires_at) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(1.99);
    expect(hours).toBeLessThanOrEqual(2);
    await services().database.updateTable('connection').set({ expires_at: new Date().toISOString() }).execute();
    await live.stack.fanOut([await write(1)]);
    expect(seen.steps).toEqual([]);
    // What the reconciler does on its schedule.
    const { endpoint } = live.stack.gateway;
    const region = 'eu-central-1';
    await endExpiredConnections(services(), apiGatewayConnections({ connectionsEndpoint: endpoint, region }));
    // The client comes back by itself; what it had is gone.
    const ofThen = services().database.selectFrom('connection').select('id').where('id', '=', connection!.id);
    expect(await ofThen.execute()).toEqual([]);
    await eventually('another connection', async () => (await rows('connection')) === 1);
  });

  it('are forgotten with the connection', async () => {
    follow(live.connect());
    await stored(1);
    live.stack.gateway.cut(true);
    await stored(0);
    expect(await rows('connection')).toBe(0);
  });
});

interface Logged {
  data: { metricsLogged: { records: { values: { name: string; value: number }[] }[] } };
}
