import fc from 'fast-check';
import { metricCursor, parseMetricCursor, parseRunCursor, runCursor } from '../../../api/subscriptions/cursors';
import { follow } from '../../../api/subscriptions/follow';
import { partsOf } from '../../../api/subscriptions/metric-updates.service';
import { createRunChanges } from '../../../api/subscriptions/run-changes';

const topic = { runId: 'r' };

/** A log that grows, read on from a position, at most two entries at a time. */
function growingLog() {
  const log: number[] = [];
  let position = 0;
  let over = false;
  return {
    push: (...entries: number[]) => log.push(...entries),
    end: () => {
      over = true;
    },
    readOn: async () => {
      const events = log.slice(position, position + 2);
      position += events.length;
      return { events, over: over && position === log.length };
    },
  };
}

describe('following', () => {
  it('gives everything once and in order: what was there, and what comes', async () => {
    const changes = createRunChanges();
    const log = growingLog();
    log.push(1, 2, 3);
    const given: number[] = [];
    const done = (async () => {
      for await (const entry of follow(changes, topic, log.readOn)) given.push(entry);
    })();
    for (let entry = 4; entry <= 9; entry += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      log.push(entry);
      changes.metricsWritten('r');
      changes.metricsWritten('r');
    }
    log.end();
    changes.metricsWritten('r');
    await done;
    expect(given).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('misses nothing that is announced while it reads', async () => {
    const changes = createRunChanges();
    const log = growingLog();
    let reads = 0;
    const events = follow(changes, topic, async () => {
      const found = await log.readOn();
      reads += 1;
      if (reads === 1) {
        log.push(1);
        changes.metricsWritten('r');
      }
      return found;
    });
    expect(await events.next()).toEqual({ done: false, value: 1 });
    await events.return?.();
  });

  it('ends at once and leaves nothing behind when its consumer leaves while it waits', async () => {
    const changes = createRunChanges();
    const events = follow(changes, topic, growingLog().readOn);
    const waiting = events.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(changes.listeners()).toBe(1);
    await events.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(changes.listeners()).toBe(0);
  });

  it('does not read ahead of a slow consumer', async () => {
    const log = growingLog();
    log.push(1, 2, 3, 4, 5, 6);
    let reads = 0;
    const events = follow(createRunChanges(), topic, () => {
      reads += 1;
      return log.readOn();
    });
    await events.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reads).toBe(1);
    await events.return?.();
  });
});

describe('cursors', () => {
  it('are read back as they were given out', () => {
    const millisecond = fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true });
    const runId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);
    const count = fc.nat(999_999_999);
    fc.assert(
      fc.property(millisecond, runId, (date, id) => {
        const cursor = { changedAt: date.toISOString(), runId: id };
        expect(parseRunCursor(runCursor(cursor))).toEqual(cursor);
      }),
    );
    fc.assert(
      fc.property(count, count, count, (attempt, sequence, parts) => {
        expect(parseMetricCursor(metricCursor({ attempt, sequence, parts }))).toEqual({ attempt, sequence, parts });
      }),
    );
  });

  it('of something else are told apart', () => {
    for (const text of ['', 'x', '1-2', "1-2.3' or 1", '2026-01-01~r', 'eyJh']) {
      expect(parseRunCursor(text)).toBeNull();
      expect(parseMetricCursor(text)).toBeNull();
    }
  });
});

describe('parts of a chunk', () => {
  it('hold every value once and fit into a message', () => {
    const value = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: null });
    const values = fc.dictionary(fc.string({ minLength: 1, maxLength: 60 }), value, { minKeys: 1, maxKeys: 300 });
    fc.assert(
      fc.property(fc.array(values, { maxLength: 8 }), (all) => {
        const records = all.map((given, step) => ({
          step,
          epoch: 0,
          elapsedSeconds: 0,
          scope: 'step' as const,
          values: given,
        }));
        const parts = partsOf(records);
        const found = records.map(({ step }) =>
          Object.fromEntries(
            parts.flat().flatMap((piece) => (piece.step === step ? Object.entries(piece.values) : [])),
          ),
        );
        expect(found).toEqual(all.map((given) => ({ ...given })));
        for (const part of parts) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(24 * 1024);
      }),
      { numRuns: 60 },
    );
  });
});
