import fc from 'fast-check';
import { createSourceEventStream, execute, parse } from 'graphql';
import type { ApiContext } from '../../../api/context/context';
import { payloadsOf } from '../../../api/graphql/event-payload';
import { followLog } from '../../../api/subscriptions/follow';
import { createRunChanges } from '../../../api/subscriptions/run-changes';
import type { Log } from '../../../api/subscriptions/shared-reads';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { apiSchema } from '../../testkit/ask';
import { stepRecord, writeAttempt, writeChunk } from '../../testkit/written-run';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Entry {
  place: number;
}

/** A log in memory that grows, and counts how often it was read. */
function growingLog(lasting: boolean) {
  const entries: Entry[] = [];
  const log = {
    entries,
    reads: 0,
    ended: false,
    topic: { runId: 'r' },
    keyOf: String,
    async read(position: number) {
      log.reads += 1;
      // As for runs: whether it ended is known before the entries are.
      const { ended } = log;
      const known = entries.slice(position, position + 2);
      await turn();
      return { events: known, position: position + known.length, over: ended && known.length === 0 };
    },
    lastingBytes: () => (lasting ? 100 : null),
  };
  return log satisfies Log<number, Entry>;
}

describe('followers of one log', () => {
  it('each get everything behind their own start once and in order, however they and the entries come', async () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 3 }), hint: fc.boolean() }),
        fc.record({ kind: fc.constant('follow' as const), start: fc.nat(6) }),
        fc.record({ kind: fc.constant('turn' as const), turns: fc.integer({ min: 1, max: 4 }) }),
      ),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (all, lasting) => {
        const changes = createRunChanges();
        const log = growingLog(lasting);
        const followers: { start: number; given: Entry[]; done: Promise<void> }[] = [];
        const begin = (start: number) => {
          const given: Entry[] = [];
          const done = (async () => {
            for await (const entry of followLog(changes, log, start)) given.push(entry);
          })();
          followers.push({ start, given, done });
        };
        for (const step of all) {
          if (step.kind === 'turn') for (let left = step.turns; left > 0; left -= 1) await turn();
          else if (step.kind === 'follow') begin(Math.min(step.start, log.entries.length));
          else {
            for (let left = step.count; left > 0; left -= 1) log.entries.push({ place: log.entries.length });
            if (step.hint) changes.metricsWritten('r');
          }
        }
        log.ended = true;
        changes.metricsWritten('r');
        for (const { start, given, done } of followers) {
          await done;
          expect(given.map(({ place }) => place)).toEqual(log.entries.slice(start).map(({ place }) => place));
        }
        expect(changes.listeners()).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('share a read of what is new', async () => {
    const changes = createRunChanges();
    const log = growingLog(true);
    const followers = Array.from({ length: 50 }, () => followLog(changes, log, 0));
    const first = followers.map((follower) => follower.next());
    for (let turns = 0; turns < 5; turns += 1) await turn();
    expect(log.reads).toBe(1);
    log.entries.push({ place: 0 });
    changes.metricsWritten('r');
    const events = await Promise.all(first);
    expect(log.reads).toBe(2);
    // The same object, so that its payload is made once.
    expect(new Set(events.map(({ value }) => value)).size).toBe(1);
    for (const follower of followers) await follower.return?.();
  });

  it('read again what failed', async () => {
    const log = growingLog(false);
    const read = log.read;
    log.read = async () => {
      log.read = read;
      throw new Error('the disk is gone');
    };
    const changes = createRunChanges();
    log.entries.push({ place: 0 });
    const failing = followLog(changes, log, 0);
    await expect(failing.next()).rejects.toThrow('the disk is gone');
    const follower = followLog(changes, log, 0);
    expect((await follower.next()).value).toEqual({ place: 0 });
    await follower.return?.();
  });
});

describe('metricsLogged', () => {
  const services = useTestServices();

  it('gives the shared payloads that each subscriber would get alone, for any selection, cursor and order of arrival', async () => {
    await insertExperiment(services());
    const schema = await apiSchema();
    let runs = 0;
    const fields = [
      'cursor',
      'runId',
      'attempt',
      'resumedFromStep',
      'at: cursor',
      'records { step values { name value } }',
    ];
    const subscriber = fc.record({
      selection: fc.subarray(fields, { minLength: 1 }),
      after: fc.option(fc.nat(4), { nil: null }),
      literal: fc.boolean(),
      joinsAt: fc.nat(5),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(subscriber, { minLength: 2, maxLength: 8 }), fc.nat(5), async (subscribers, chunks) => {
        runs += 1;
        const runId = `run-${runs}`;
        const { objects, database } = services();
        await insertRun(services(), runId, { state: 'RUNNING', attempt: 1 });
        await writeAttempt(objects, runId, 1, null);
        const subscribe = async ({ selection, after, literal }: (typeof subscribers)[number], alone: boolean) => {
          const cursor = after === null ? null : `1-${after}.1`;
          const given = literal ? JSON.stringify(cursor) : '$after';
          const query = `subscription ($runId: ID!${literal ? '' : ', $after: String'}) {
            metricsLogged(runId: $runId, after: ${given}) { ${selection.join(' ')} } }`;
          const changes = alone ? createRunChanges() : services().changes;
          const contextValue: ApiContext = {
            services: { ...services(), changes },
            viewer: { name: 'ann', role: 'viewer' },
          };
          const args = {
            schema,
            document: parse(query),
            variableValues: literal ? { runId } : { runId, after: cursor },
            contextValue,
          };
          const source = (await createSourceEventStream(args)) as AsyncIterable<object>;
          const payloadOf = payloadsOf(args);
          const given_: string[] = [];
          for await (const event of source)
            given_.push(
              alone
                ? JSON.stringify(await execute({ ...args, rootValue: event }))
                : (await payloadOf(event)).json.toString(),
            );
          return given_;
        };
        const following: Promise<string[]>[] = [];
        for (let at = 0; at <= 5; at += 1) {
          for (const one of subscribers) if (one.joinsAt === at) following.push(subscribe(one, false));
          if (at >= chunks) continue;
          await writeChunk(objects, runId, 1, at, [stepRecord(at, { 'train/loss': at / 10 })]);
          services().changes.metricsWritten(runId);
          if (at % 2 === 0) await turn();
        }
        await database.updateTable('run').set({ state: 'SUCCEEDED' }).where('id', '=', runId).execute();
        services().changes.metricsWritten(runId);
        const joined = [0, 1, 2, 3, 4, 5].flatMap((at) => subscribers.filter(({ joinsAt }) => joinsAt === at));
        for (const [place, one] of joined.entries()) expect(await following[place]).toEqual(await subscribe(one, true));
      }),
      { numRuns: 25 },
    );
  });
});
