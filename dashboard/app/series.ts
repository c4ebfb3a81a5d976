import { describeMetric } from '../../contract/metrics';
import type { LoggedRecord, MetricPoint, MetricsEvent } from './queries';

/** What stands on the horizontal axis. */
export type Axis = 'epoch' | 'step' | 'seconds';

/** One run's values, x ascending and without repeats. */
export interface Line {
  x: number[];
  y: number[];
}

/** What the runs of a variant say at each x of a chart; null where none has got. */
export interface Summary {
  mean: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
  count: number[];
}

/**
 * Points of a series as a line. Values that are not numbers are left out; of values at one x the last stands.
 *
 * @param stepsPerEpoch places what is logged within an epoch where it happened; null: at the number of the epoch
 */
export function lineOf(points: readonly MetricPoint[], axis: Axis, stepsPerEpoch: number | null): Line {
  const line: Line = { x: [], y: [] };
  for (const { step, epoch, elapsedSeconds, value } of points) {
    if (value === null) continue;
    const x = { epoch: stepsPerEpoch ? step / stepsPerEpoch : epoch, step, seconds: elapsedSeconds }[axis];
    const last = line.x.length - 1;
    if (line.x[last] === x) {
      line.y[last] = value;
      continue;
    }
    line.x.push(x);
    line.y.push(value);
  }
  return line;
}

/** Value of a line at x, on the straight between its points; null outside of them. */
export function valueAt({ x, y }: Line, at: number): number | null {
  if (x.length === 0 || at < x[0]! || at > x.at(-1)!) return null;
  let [below, above] = [0, x.length - 1];
  while (above - below > 1) {
    const middle = (below + above) >> 1;
    if (x[middle]! <= at) below = middle;
    else above = middle;
  }
  if (x[below] === at || below === above) return y[below]!;
  const share = (at - x[below]!) / (x[above]! - x[below]!);
  return y[below]! + share * (y[above]! - y[below]!);
}

/**
 * All x of some lines, in order; beyond `most` evenly spaced ones between the same ends, since a chart has no more
 * pixels.
 */
export function sharedAxis(lines: readonly Line[], most: number): number[] {
  const all = [...new Set(lines.flatMap(({ x }) => x))].sort((a, b) => a - b);
  if (all.length <= most) return all;
  const [first, last] = [all[0]!, all.at(-1)!];
  return Array.from({ length: most }, (_, place) => first + (place / (most - 1)) * (last - first));
}

/** Mean, lowest and highest over the runs of a variant that have got to each x. */
export function summarise(lines: readonly Line[], x: readonly number[]): Summary {
  const summary: Summary = { mean: [], low: [], high: [], count: [] };
  for (const at of x) {
    const values = lines.map((line) => valueAt(line, at)).filter((value) => value !== null);
    const none = values.length === 0;
    summary.mean.push(none ? null : values.reduce((sum, value) => sum + value, 0) / values.length);
    summary.low.push(none ? null : Math.min(...values));
    summary.high.push(none ? null : Math.max(...values));
    summary.count.push(values.length);
  }
  return summary;
}

/** A record and the attempt that logged it. */
export type StitchedRecord = LoggedRecord & { attempt: number };

/**
 * The history with the records of another event. What earlier attempts logged behind the checkpoint from which this one
 * went on was computed again, and is dropped; so is what was there already.
 */
export function withEvent(history: readonly StitchedRecord[], event: MetricsEvent): StitchedRecord[] {
  const { attempt, resumedFromStep, records } = event;
  const newest = history.at(-1)?.attempt ?? 0;
  if (attempt < newest) return [...history];
  const given = new Set(records.map(({ step, scope }) => `${step} ${scope}`));
  const kept = history.filter(
    (record) =>
      (record.attempt === attempt || (resumedFromStep !== null && record.step <= resumedFromStep)) &&
      !given.has(`${record.step} ${record.scope}`),
  );
  return [...kept, ...records.map((record) => ({ ...record, attempt }))];
}

/**
 * The records in which a run logged some series. Figures of the training are of a step, those of dev and test close an
 * epoch.
 */
export function recordsOf(
  series: readonly { name: string; points: readonly MetricPoint[] }[],
  attempt: number,
): StitchedRecord[] {
  const records = new Map<string, StitchedRecord>();
  for (const { name, points } of series) {
    const { split } = describeMetric(name);
    const scope = split === 'dev' || split === 'test' ? 'epoch' : 'step';
    for (const { step, epoch, elapsedSeconds, value } of points) {
      const key = `${step} ${scope}`;
      const record = records.get(key) ?? { step, epoch, elapsedSeconds, scope, values: [], attempt };
      record.values.push({ name, value });
      records.set(key, record);
    }
  }
  return [...records.values()].sort((a, b) => a.step - b.step);
}

/** The values of each metric of a history. */
export function pointsByName(history: readonly StitchedRecord[]): Map<string, MetricPoint[]> {
  const byName = new Map<string, MetricPoint[]>();
  for (const { step, epoch, elapsedSeconds, values } of history)
    for (const { name, value } of values) {
      const points = byName.get(name) ?? [];
      points.push({ step, epoch, elapsedSeconds, value });
      byName.set(name, points);
    }
  return byName;
}
