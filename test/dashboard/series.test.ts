import fc from 'fast-check';
import { stitch } from '../../contract/records';
import type { MetricPoint, MetricsEvent } from '../../dashboard/app/queries';
import {
  lineOf,
  pointsByName,
  type StitchedRecord,
  sharedAxis,
  summarise,
  valueAt,
  withEvent,
} from '../../dashboard/app/series';

const point = (step: number, value: number | null): MetricPoint => ({
  step,
  epoch: 1,
  elapsedSeconds: step / 2,
  value,
});

describe('a line', () => {
  it('has the steps of an epoch at their share of it', () => {
    expect(lineOf([point(5, 0.1), point(20, 0.2)], 'epoch', 10)).toEqual({ x: [0.5, 2], y: [0.1, 0.2] });
  });

  it('leaves out what is not a number, and keeps the last of values at one place', () => {
    const points = [point(1, 3), point(2, null), point(4, 5), point(4, 6)];
    expect(lineOf(points, 'seconds', null)).toEqual({ x: [0.5, 2], y: [3, 6] });
  });

  it('is straight between its points and nothing outside of them', () => {
    const line = { x: [1, 2, 6], y: [10, 20, 0] };
    expect([0.9, 1, 1.5, 2, 5, 6, 6.1].map((x) => valueAt(line, x))).toEqual([null, 10, 15, 20, 5, 0, null]);
  });
});

describe('variants over their seeds', () => {
  it('say mean, lowest and highest of the seeds that have got so far', () => {
    const lines = [
      { x: [1, 3], y: [0.25, 0.75] },
      { x: [1, 2], y: [0.75, 0] },
    ];
    expect(summarise(lines, [1, 2, 3, 4])).toEqual({
      mean: [0.5, 0.25, 0.75, null],
      low: [0.25, 0, 0.75, null],
      high: [0.75, 0.5, 0.75, null],
      count: [2, 2, 1, 0],
    });
  });

  it('share every place there is, or evenly spaced ones where there are too many', () => {
    const lines = [
      { x: [0, 2], y: [0, 0] },
      { x: [2, 3, 8], y: [0, 0, 0] },
    ];
    expect(sharedAxis(lines, 4)).toEqual([0, 2, 3, 8]);
    expect(sharedAxis(lines, 3)).toEqual([0, 4, 8]);
  });
});

describe('the live history of a run', () => {
  const record = (step: number, value: number) => ({
    step,
    epoch: 1,
    elapsedSeconds: step,
    scope: 'step',
    values: [{ name: 'train/loss', value }],
  });
  const event = (attempt: number, resumedFromStep: number | null, ...records: StitchedRecord[]): MetricsEvent => ({
    cursor: '',
    attempt,
    resumedFromStep,
    records,
  });

  it('drops what a later attempt computes again', () => {
    const first = event(1, null, { ...record(10, 1), attempt: 1 }, { ...record(20, 2), attempt: 1 });
    const second = event(2, 10, { ...record(20, 3), attempt: 2 });
    const history = withEvent(withEvent([], first), second);
    expect(
      pointsByName(history)
        .get('train/loss')
        ?.map(({ step, value }) => [step, value]),
    ).toEqual([
      [10, 1],
      [20, 3],
    ]);
  });

  it('is the stitched line of the contract, however often events are repeated', () => {
    const attempts = fc.array(
      fc.record({ resumed: fc.nat(6), steps: fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1 }) }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(attempts, fc.boolean(), (drawn, repeated) => {
        let last = 0;
        const events = drawn.map(({ resumed, steps }, place) => {
          const resumedFromStep = place === 0 ? null : Math.min(resumed, last);
          const records = [...steps].sort((a, b) => a - b).map((step) => record((resumedFromStep ?? 0) + step, place));
          last = records.at(-1)!.step;
          return { cursor: '', attempt: place + 1, resumedFromStep, records };
        });
        let history: StitchedRecord[] = [];
        for (const each of events) {
          history = withEvent(history, each);
          if (repeated) history = withEvent(history, each);
        }
        const expected = stitch(
          events.map(({ attempt, resumedFromStep, records }) => ({
            attempt,
            resumedFromStep,
            records: records.map((each) => ({
              ...each,
              scope: 'step' as const,
              values: { at: each.values[0]!.value },
            })),
          })),
        );
        expect(history.map(({ step, values }) => [step, values[0]!.value])).toEqual(
          expected.map(({ step, values }) => [step, values.at]),
        );
      }),
    );
  });

  it('ignores an event of an attempt that is no longer the newest', () => {
    const second = withEvent([], event(2, null, { ...record(5, 1), attempt: 2 }));
    expect(withEvent(second, event(1, null, { ...record(9, 9), attempt: 1 }))).toEqual(second);
  });
});
