import fc from 'fast-check';
import { attemptOutcome, isActive, type RunEvent, type RunLife, transition } from '../../../api/runs/run-life';
import { isOver } from '../../../contract/run-states';

const pending: RunLife = {
  state: 'PENDING',
  attempt: 0,
  crashes: 0,
  cancelRequested: false,
  stoppedEarly: false,
  failureKind: null,
};
const failure = { kind: 'crash' as const, message: 'it died', problems: [] };
const crashed = (attempt: number, advanced = false): RunEvent => ({
  kind: 'crashed',
  attempt,
  failure,
  advanced,
  crashLimit: 3,
});
const interrupted = (attempt: number): RunEvent => ({
  kind: 'interrupted',
  attempt,
  reason: 'stop',
  left: 'checkpoint',
});

/** The life after events that must all be taken. */
function lifeAfter(...events: RunEvent[]): RunLife {
  return events.reduce((life, event) => {
    const next = transition(life, event);
    if (next === null) throw new Error(`${event.kind} is not taken in ${life.state}`);
    return next;
  }, pending);
}

const claimed = (attempt: number): RunEvent => ({ kind: 'claimed', attempt });
const running = (attempt: number): RunEvent[] => [
  claimed(attempt),
  { kind: 'started', attempt },
  { kind: 'progressed', attempt },
];

describe('the life of a run', () => {
  it('goes from waiting over its attempt to success', () => {
    const states = running(1).map((_, count) => lifeAfter(...running(1).slice(0, count + 1)).state);
    expect(states).toEqual(['SUBMITTED', 'STARTING', 'RUNNING']);
    expect(lifeAfter(...running(1), { kind: 'succeeded' }).state).toBe('SUCCEEDED');
  });

  it('waits again after an interruption, without counting it as a crash', () => {
    expect(lifeAfter(...running(1), interrupted(1))).toEqual({ ...pending, attempt: 1 });
  });

  it('fails at the third crash in a row that got no further', () => {
    const twice = lifeAfter(...running(1), crashed(1), ...running(2), crashed(2));
    expect(twice).toMatchObject({ state: 'PENDING', crashes: 2 });
    expect(lifeAfter(...running(1), crashed(1), ...running(2), crashed(2), ...running(3), crashed(3))).toMatchObject({
      state: 'FAILED',
      failureKind: 'crash',
    });
  });

  it('is tried for as long as every crash is further on', () => {
    const events = Array.from({ length: 20 }, (_, place) => [...running(place + 1), crashed(place + 1, true)]).flat();
    expect(lifeAfter(...events)).toMatchObject({ state: 'PENDING', crashes: 1 });
  });

  it('is cancelled at once while it waits, and when its attempt has ended while it is at work', () => {
    expect(lifeAfter({ kind: 'cancel-requested' }).state).toBe('CANCELLED');
    const asked = lifeAfter(...running(1), { kind: 'cancel-requested' });
    expect(asked.state).toBe('RUNNING');
    expect(transition(asked, interrupted(1))?.state).toBe('CANCELLED');
    expect(transition(asked, crashed(1))?.state).toBe('CANCELLED');
  });

  it('is stopped early as it is cancelled, with an end of its own that a retry takes back', () => {
    const asked = lifeAfter(...running(1), { kind: 'stopped-early' });
    expect(asked.state).toBe('RUNNING');
    const stopped = transition(asked, interrupted(1));
    expect(stopped?.state).toBe('STOPPED');
    expect(attemptOutcome(interrupted(1), stopped!)).toBe('cancelled');
    expect(transition(stopped!, { kind: 'retried' })).toEqual({ ...pending, attempt: 1 });
    expect(transition(lifeAfter(...running(1), { kind: 'cancel-requested' }), { kind: 'stopped-early' })).toBeNull();
    expect(transition(asked, { kind: 'succeeded' })).toMatchObject({
      ...{ state: 'SUCCEEDED', cancelRequested: false, stoppedEarly: false },
    });
  });

  it('keeps a result that was faster than the wish to cancel', () => {
    const asked = lifeAfter(...running(1), { kind: 'cancel-requested' });
    expect(transition(asked, { kind: 'succeeded' })?.state).toBe('SUCCEEDED');
  });

  it('begins anew by a retry, from failure and from cancellation alone', () => {
    const failed = lifeAfter(...running(1), { kind: 'failed', attempt: 1, failure: { ...failure, kind: 'input' } });
    expect(transition(failed, { kind: 'retried' })).toEqual({ ...pending, attempt: 1 });
    expect(transition(lifeAfter({ kind: 'cancel-requested' }), { kind: 'retried' })).toEqual(pending);
    expect(transition(lifeAfter(...running(1), { kind: 'succeeded' }), { kind: 'retried' })).toBeNull();
    expect(transition(pending, { kind: 'retried' })).toBeNull();
  });

  it('follows its teacher into failure and back, but is not revived from a failure of its own', () => {
    const missed: RunEvent = { kind: 'dependency-failed', failure: { ...failure, kind: 'dependency' } };
    expect(lifeAfter(missed)).toMatchObject({ state: 'FAILED', failureKind: 'dependency' });
    expect(lifeAfter(missed, { kind: 'dependency-revived' })).toEqual(pending);
    const failed = lifeAfter(...running(1), { kind: 'failed', attempt: 1, failure: { ...failure, kind: 'input' } });
    expect(transition(failed, { kind: 'dependency-revived' })).toBeNull();
  });

  it('says how an attempt ended', () => {
    const back = lifeAfter(...running(1), interrupted(1));
    expect(attemptOutcome(interrupted(1), back)).toBe('interrupted');
    expect(attemptOutcome({ ...interrupted(1), left: 'nothing' } as RunEvent, back)).toBe('lost');
    expect(attemptOutcome(crashed(1), back)).toBe('failed');
    expect(attemptOutcome(interrupted(1), { ...back, state: 'CANCELLED' })).toBe('cancelled');
    expect(attemptOutcome({ kind: 'progressed', attempt: 1 }, back)).toBeNull();
  });
});

const anyEvent: fc.Arbitrary<RunEvent> = fc
  .integer({ min: 0, max: 4 })
  .chain((attempt) =>
    fc.oneof(
      fc.constantFrom<RunEvent>(
        { kind: 'claimed', attempt },
        { kind: 'started', attempt },
        { kind: 'progressed', attempt },
        { kind: 'succeeded' },
        { kind: 'failed', attempt, failure: { ...failure, kind: 'input' } },
        crashed(attempt),
        crashed(attempt, true),
        interrupted(attempt),
        { kind: 'cancel-requested' },
        { kind: 'stopped-early' },
        { kind: 'retried' },
        { kind: 'dependency-failed', failure: { ...failure, kind: 'dependency' } },
        { kind: 'dependency-revived' },
      ),
    ),
  );
const anyHistory = fc.array(anyEvent, { maxLength: 60 });
const live = (events: readonly RunEvent[]): RunLife =>
  events.reduce((life, event) => transition(life, event) ?? life, pending);

describe('whatever happens to a run', () => {
  it('leaves no terminal state but by a retry or by its teacher', () => {
    fc.assert(
      fc.property(anyHistory, anyEvent, (history, event) => {
        const life = live(history);
        fc.pre(isOver(life.state));
        const next = transition(life, event);
        return next === null || ['retried', 'dependency-revived'].includes(event.kind);
      }),
      { numRuns: 2000 },
    );
  });

  it('goes forward within an attempt, and never back to an earlier attempt', () => {
    const order = ['PENDING', 'SUBMITTED', 'STARTING', 'RUNNING'];
    fc.assert(
      fc.property(anyHistory, anyEvent, (history, event) => {
        const life = live(history);
        const next = transition(life, event);
        if (next === null) return true;
        const forward = order.indexOf(next.state) >= order.indexOf(life.state);
        return next.attempt >= life.attempt && (!isActive(next.state) || forward);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes no event of another attempt than the one at work', () => {
    fc.assert(
      fc.property(anyHistory, anyEvent, (history, event) => {
        const life = live(history);
        fc.pre('attempt' in event && event.kind !== 'claimed' && event.attempt !== life.attempt);
        return transition(life, event) === null;
      }),
      { numRuns: 2000 },
    );
  });

  it('gives an attempt to one claimant alone', () => {
    fc.assert(
      fc.property(anyHistory, fc.integer({ min: 0, max: 6 }), (history, attempt) => {
        const won = transition(live(history), claimed(attempt));
        return won === null || transition(won, claimed(attempt)) === null;
      }),
      { numRuns: 2000 },
    );
  });

  it('changes nothing by the same event twice, but for a sign of life', () => {
    fc.assert(
      fc.property(anyHistory, anyEvent, (history, event) => {
        const next = transition(live(history), event);
        fc.pre(next !== null && event.kind !== 'progressed');
        return transition(next!, event) === null;
      }),
      { numRuns: 2000 },
    );
  });
});
