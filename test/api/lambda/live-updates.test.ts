import fc from 'fast-check';
import type { Client } from 'graphql-ws';
import {
  attemptKey,
  cancelledKey,
  checkpointKey,
  metricsKey,
  predictionsKey,
  progressKey,
  resultKey,
} from '../../../contract/keys';
import { insertExperiment, insertRun, readRun, useTestServices } from '../../testkit/api-services';
import { s3Message, s3TestMessage } from '../../testkit/lambda-events';
import { useLiveStack } from '../../testkit/live-stack';
import { eventually } from '../../testkit/test-runner';
import {
  epochRecord,
  stepRecord,
  writeAttempt,
  writeChunk,
  writeProgress,
  writeResult,
} from '../../testkit/written-run';

const live = useLiveStack();
const services = useTestServices();
beforeEach(async () => {
  await live.start(services());
  await insertExperiment(services());
});

/** A run under way, of which nothing was taken in yet. */
async function runUnderWay(id: string) {
  await insertRun(services(), id, { state: 'RUNNING', attempt: 1 });
  await writeAttempt(services().objects, id, 1, null);
}

const chunk = (runId: string, sequence: number) =>
  writeChunk(services().objects, runId, 1, sequence, [stepRecord(sequence + 1, { 'train/loss': sequence })]);
const silence = () => jest.spyOn(console, 'error').mockImplementation(() => {});

async function lossesOf(runId: string) {
  const { database } = services();
  const summary = database.selectFrom('summary_metric').select(['count', 'last']).where('run_id', '=', runId);
  return (await summary.execute())[0];
}

describe('messages of the live updates queue', () => {
  it('of S3 bring what a trainer wrote into the records, once, in whatever order and however often they come', async () => {
    await runUnderWay('r');
    for (const sequence of [0, 1, 2]) await chunk('r', sequence);
    await writeProgress(services().objects, 'r', { step: 3, totalSteps: 10 });
    const messages = [2, 0, 1, 0].map((sequence) => s3Message(metricsKey('r', 1, sequence)));
    expect(await live.stack.fanOut([...messages, s3Message(progressKey('r'), attemptKey('r', 1))])).toEqual([]);
    expect(await live.stack.fanOut(messages)).toEqual([]);
    expect(await lossesOf('r')).toEqual({ count: 3, last: 2 });
    expect(await readRun(services(), 'r')).toMatchObject({ step: 3, total_steps: 10 });
  });

  it('of a result end the run and wake the reconciler, since others may wait for it', async () => {
    await runUnderWay('r');
    await chunk('r', 0);
    await writeResult(services().objects, 'r');
    const message = s3Message(resultKey('r'));
    expect(await live.stack.fanOut([message])).toEqual([]);
    expect(await live.stack.fanOut([message])).toEqual([]);
    expect(await readRun(services(), 'r')).toMatchObject({ state: 'SUCCEEDED' });
    expect(await lossesOf('r')).toEqual({ count: 1, last: 0 });
    expect(live.stack.wakes).toBe(1);
  });

  it('of an epoch that stops a run leave no decision without its mark, whatever cannot be written', async () => {
    const logged = silence();
    const definition = JSON.stringify({ variants: [{ name: 'kd' }], halving: { minEpochs: 1, reduction: 2 } });
    await services().database.updateTable('experiment').set({ definition }).execute();
    const evaluated = async (id: string, accuracy: number) => {
      await insertRun(services(), id, { state: 'RUNNING', attempt: 1, variant: `kd [${id}]`, total_epochs: 4 });
      await writeAttempt(services().objects, id, 1, null);
      await writeChunk(services().objects, id, 1, 0, [epochRecord(1, 10, { 'dev/accuracy': accuracy })]);
      return s3Message(metricsKey(id, 1, 0));
    };
    const better = await evaluated('better', 0.9);
    const worse = await evaluated('worse', 0.1);
    expect(await live.stack.fanOut([better])).toEqual([]);
    const write = jest.spyOn(services().objects, 'write').mockRejectedValueOnce(new Error('AccessDenied'));
    expect(await live.stack.fanOut([worse])).toEqual([worse]);
    expect(await readRun(services(), 'worse')).toMatchObject({ cancel_requested: 0 });
    write.mockRestore();
    expect(await live.stack.fanOut([worse])).toEqual([]);
    expect(await readRun(services(), 'worse')).toMatchObject({ cancel_requested: 2 });
    expect(await services().objects.info(cancelledKey('worse'))).not.toBeNull();
    expect(live.stack.wakes).toBe(1);
    expect(logged).toHaveBeenCalledTimes(1);
  });

  it('of other objects, other runs, and the one by which S3 tries the queue, change nothing', async () => {
    await runUnderWay('r');
    await chunk('r', 0);
    await writeAttempt(services().objects, 'unknown', 1, null);
    await chunk('unknown', 0);
    const others = [
      checkpointKey('r', 5, 'state.json'),
      predictionsKey('r', 'dev', 1),
      'experiments/x.json',
      'a b+c.json',
    ];
    const messages = [s3TestMessage, s3Message(...others), s3Message(metricsKey('unknown', 1, 0))];
    expect(await live.stack.fanOut(messages)).toEqual([]);
    expect(await lossesOf('r')).toBeUndefined();
    expect(await services().database.selectFrom('attempt').selectAll().execute()).toEqual([]);
  });

  it('that cannot be carried out come again alone', async () => {
    const logged = silence();
    await runUnderWay('r');
    await runUnderWay('broken');
    await chunk('r', 0);
    await services().objects.write(metricsKey('broken', 1, 0), 'no JSON');
    const damaged = metricsKey('broken', 1, 0);
    const bad = ['no JSON either', '{"changed":"run/r"}'];
    // A damaged chunk is not repaired by another delivery: it is named in the log, and the run goes on without it.
    const messages = [s3Message(damaged), s3Message(metricsKey('r', 1, 0)), ...bad];
    expect(await live.stack.fanOut(messages)).toEqual(bad);
    expect(await lossesOf('r')).toEqual({ count: 1, last: 0 });
    expect(logged.mock.calls.join('\n')).toContain(damaged);
  });
});

describe('a function whose time is up', () => {
  it('sends one batch, announces the rest, and the next call sends it', async () => {
    await runUnderWay('r');
    const follower: Follower = { steps: [], cursors: new Set(), after: null, complete: false };
    const client = follow('r', follower);
    await eventually('the subscription', async () => live.stack.queue.length > 0);
    const begun = live.stack.queue.splice(0);
    // An event for each chunk.
    const chunks = 40;
    for (let sequence = 0; sequence < chunks; sequence++) await chunk('r', sequence);

    expect(await live.stack.fanOut(begun, 0)).toEqual([]);
    await eventually('the first batch', async () => follower.steps.length > 0);
    const first = follower.steps.length;
    expect(first).toBeLessThan(chunks);
    expect(live.stack.queue).toHaveLength(1);

    await live.stack.drain();
    await eventually('the rest', async () => follower.steps.length >= chunks);
    expect(follower.steps).toEqual(Array.from({ length: chunks }, (_, step) => step + 1));
    await client.dispose();
  });
});

/** What a client made of the events it got: those whose cursor it has not had. */
interface Follower {
  steps: number[];
  cursors: Set<string>;
  /** The last cursor received; what it would pass as `after`. */
  after: string | null;
  complete: boolean;
}

function follow(runId: string, follower: Follower): Client {
  const client = live.connect();
  const query = `subscription ($runId: ID!, $after: String) {
    metricsLogged(runId: $runId, after: $after) { cursor records { step } }
  }`;
  client.subscribe<{ metricsLogged: { cursor: string; records: { step: number }[] } }>(
    { query, variables: { runId, after: follower.after } },
    {
      next({ data }) {
        const { cursor, records } = data!.metricsLogged;
        follower.after = cursor;
        if (follower.cursors.has(cursor)) return;
        follower.cursors.add(cursor);
        follower.steps.push(...records.map(({ step }) => step));
      },
      error: () => {},
      complete: () => {
        follower.complete = true;
      },
    },
  );
  return client;
}

/** Everything that may happen between a trainer and a client. */
const happenings = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('write' as const), chunks: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('deliver' as const),
        /** Which of the messages so far come now, doubled ones and old ones among them. */
        picks: fc.array(fc.nat(1000), { minLength: 1, maxLength: 8 }),
        atOnce: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reconnect' as const), told: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), status: fc.constantFrom(400, 429, 500) }) },
  ),
  { minLength: 4, maxLength: 14 },
);

describe('a client that reconnects with its cursor', () => {
  it('misses nothing and has nothing twice, whatever is doubled, late, out of order, throttled or cut off', async () => {
    silence();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(happenings, async (all) => {
        const runId = `run-${runs++}`;
        await runUnderWay(runId);
        const follower: Follower = { steps: [], cursors: new Set(), after: null, complete: false };
        const messages: string[] = [];
        let written = 0;
        const operations = async () =>
          (await services().database.selectFrom('connection_operation').select('id').execute()).length;
        const connect = async () => {
          const before = live.stack.queue.length;
          const client = follow(runId, follower);
          await eventually('the subscription', async () => live.stack.queue.length > before);
          return client;
        };
        let client = await connect();
        for (const happening of all) {
          if (happening.kind === 'write')
            for (let k = 0; k < happening.chunks; k += 1) {
              await chunk(runId, written);
              messages.push(s3Message(metricsKey(runId, 1, written)));
              written += 1;
            }
          else if (happening.kind === 'deliver') {
            const pool = [...messages, ...live.stack.queue];
            const batch = happening.picks.map((pick) => pool[pick % pool.length]!).filter((body) => body !== undefined);
            if (batch.length === 0) continue;
            // Two functions may have the same message at the same time.
            await Promise.all(
              happening.atOnce ? [live.stack.fanOut(batch), live.stack.fanOut(batch)] : [live.stack.fanOut(batch)],
            );
          } else if (happening.kind === 'reconnect') {
            live.stack.gateway.cut(happening.told);
            client.terminate();
            client = await connect();
          } else live.stack.gateway.failNext(happening.status);
        }
        await writeResult(services().objects, runId);
        live.stack.queue.push(s3Message(resultKey(runId)), s3Message(resultKey(runId)));
        await live.stack.drain();
        await eventually(`the end of ${runId}`, async () => follower.complete);
        expect(follower.steps).toEqual(Array.from({ length: written }, (_, step) => step + 1));
        await client.dispose();
        await eventually('nothing is left', async () => (await operations()) === 0);
      }),
      { numRuns: 15 },
    );
  }, 120_000);
});
