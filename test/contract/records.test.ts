import { type AttemptRecords, type MetricRecord, metricRecordSchema, stitch } from '../../contract/records';

const record = (step: number, attempt = 1): MetricRecord => ({
  step,
  epoch: 1,
  elapsedSeconds: step,
  scope: 'step',
  values: { 'train/loss': attempt },
});

const attempt = (number: number, resumedFromStep: number | null, steps: number[]): AttemptRecords => ({
  attempt: number,
  resumedFromStep,
  records: steps.map((step) => record(step, number)),
});

/** Step and attempt of each record of the stitched line. */
const line = (attempts: AttemptRecords[]) => stitch(attempts).map(({ step, values }) => [step, values['train/loss']]);

describe('the stitched history', () => {
  test('of one attempt is its records', () => {
    expect(line([attempt(1, null, [10, 20])])).toEqual([
      [10, 1],
      [20, 1],
    ]);
  });

  test('an attempt ends where the next one resumed, that step included', () => {
    expect(line([attempt(1, null, [10, 20, 30]), attempt(2, 20, [30, 40])])).toEqual([
      [10, 1],
      [20, 1],
      [30, 2],
      [40, 2],
    ]);
  });

  test('an attempt that began again replaces everything', () => {
    expect(line([attempt(1, null, [10, 20]), attempt(2, null, [10])])).toEqual([[10, 2]]);
  });

  test('holds a record made twice at one step once, the later; another scope of that step stays', () => {
    const evaluation: MetricRecord = { ...record(20, 1), scope: 'epoch' };
    const first: AttemptRecords = { ...attempt(1, null, [10, 20]), records: [record(10), record(20), evaluation] };

    expect(line([attempt(1, null, [10, 20]), attempt(2, 20, [20, 30])])).toEqual([
      [10, 1],
      [20, 2],
      [30, 2],
    ]);
    expect(stitch([first, attempt(2, 20, [20])])).toEqual([record(10), evaluation, record(20, 2)]);
  });

  test('goes back over several attempts where a later one resumed earlier', () => {
    expect(line([attempt(1, null, [10, 20, 30]), attempt(2, 30, [40, 50]), attempt(3, 20, [30])])).toEqual([
      [10, 1],
      [20, 1],
      [30, 3],
    ]);
  });

  test('sorts attempts and leaves its input as it was', () => {
    const attempts = [attempt(2, 10, [20]), attempt(1, null, [10, 20])];

    expect(line(attempts)).toEqual([
      [10, 1],
      [20, 2],
    ]);
    expect(attempts.map(({ attempt: number, records }) => [number, records.length])).toEqual([
      [2, 1],
      [1, 2],
    ]);
  });

  test('of an attempt killed before its first record is that of those before', () => {
    expect(line([attempt(1, null, [10]), attempt(2, 10, [])])).toEqual([[10, 1]]);
    expect(stitch([])).toEqual([]);
  });
});

test('a record holds null where a value is no number, and nothing unknown', () => {
  expect(metricRecordSchema.safeParse({ ...record(1), values: { loss: null } }).success).toBe(true);
  expect(metricRecordSchema.safeParse({ ...record(1), values: { loss: Number.NaN } }).success).toBe(false);
  expect(metricRecordSchema.safeParse({ ...record(1), note: 'x' }).success).toBe(false);
});
