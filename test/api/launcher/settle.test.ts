import type { JobEnd } from '../../../api/launcher/launcher';
import { eventOfEnd } from '../../../api/launcher/settle';
import type { AttemptEnd } from '../../../contract/records';

const options = { crashLimit: 3, interruptedReason: 'the server stops' };
const exit = (given: Partial<JobEnd>): JobEnd => ({
  exitCode: null,
  signal: null,
  lastWords: '',
  asked: false,
  killedFor: null,
  ...given,
});
const eventOf = (record: AttemptEnd | null, end: JobEnd | null) => eventOfEnd(2, record, end, false, options);
const endedAt = '2026-01-01T00:00:00.000Z';
const interrupted: AttemptEnd = { outcome: 'interrupted', endedAt, step: 7 };
const failed = (kind: 'input' | 'crash'): AttemptEnd => ({
  outcome: 'failed',
  endedAt,
  kind,
  message: 'why',
  problems: [],
  step: null,
});

describe('what the end of an attempt without a result means', () => {
  it.each([
    ['it left a checkpoint', interrupted, exit({ exitCode: 75 }), 'interrupted', 'the server stops'],
    ['it left a checkpoint, and its server died meanwhile', interrupted, null, 'interrupted', 'the server stops'],
    [
      'it was too young for the signal it was sent',
      null,
      exit({ signal: 'SIGTERM', asked: true }),
      'interrupted',
      'the server stops',
    ],
    ['it did not leave in time', null, exit({ signal: 'SIGKILL', asked: true }), 'interrupted', 'the server stops'],
    ['nobody saw it die', null, null, 'interrupted', 'lost with an earlier server'],
    ['memory ran out', null, exit({ signal: 'SIGKILL' }), 'crashed', 'as happens when memory runs out'],
    [
      'it stalled, whatever it wrote then',
      interrupted,
      exit({ exitCode: 75, asked: true, killedFor: 'stalled' }),
      'crashed',
      'stalled',
    ],
    ['it knew of its crash', failed('crash'), exit({ exitCode: 1 }), 'crashed', 'why'],
    ['it refused its input', failed('input'), exit({ exitCode: 2 }), 'failed', 'why'],
    [
      'it refused its input before it wrote anything',
      null,
      exit({ exitCode: 2, lastWords: 'no spec' }),
      'failed',
      'no spec',
    ],
    ['it claims a success', { outcome: 'succeeded', endedAt }, exit({ exitCode: 0 }), 'crashed', 'left no result'],
  ] as const)('%s', (_what, record, end, kind, text) => {
    const event = eventOf(record as AttemptEnd | null, end);
    expect(event.kind).toBe(kind);
    expect(JSON.stringify(event)).toContain(text);
  });
});
