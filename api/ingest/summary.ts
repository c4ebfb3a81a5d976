import { describeMetric } from '../../contract/metrics';
import type { MetricRecord } from '../../contract/records';
import type { EpochMetricTable, SummaryMetricTable } from '../database/tables';

/** The summaries of a run by metric name. */
export type Summaries = Map<string, SummaryMetricTable>;

/**
 * Takes further records, in the order of their steps, into the summaries. Values that are null (not a number, or
 * infinite) count for nothing: a summary says what was measured.
 */
export function summarise(summaries: Summaries, runId: string, records: readonly MetricRecord[]): void {
  for (const { step, values } of records)
    for (const [name, value] of Object.entries(values)) {
      if (value === null) continue;
      const before = summaries.get(name);
      summaries.set(name, before ? withValue(before, step, value) : firstValue(runId, name, step, value));
    }
}

/** The metrics of the evaluations that close an epoch, one row a value. */
export function epochRows(runId: string, records: readonly MetricRecord[]): EpochMetricTable[] {
  return records
    .filter((record) => record.scope === 'epoch')
    .flatMap(({ epoch, step, elapsedSeconds, values }) =>
      Object.entries(values).flatMap(([name, value]) =>
        value === null ? [] : [{ run_id: runId, epoch, step, elapsed_seconds: elapsedSeconds, name, value }],
      ),
    );
}

function firstValue(runId: string, name: string, step: number, value: number): SummaryMetricTable {
  return {
    run_id: runId,
    name,
    count: 1,
    last: value,
    last_step: step,
    min: value,
    min_step: step,
    max: value,
    max_step: step,
    sum: value,
    mean: value,
    best: value,
    best_step: step,
  };
}

/**
 * Of equal values the earliest counts as the least, the greatest and the best. The best value of a metric without a
 * direction is its largest.
 */
function withValue(before: SummaryMetricTable, step: number, value: number): SummaryMetricTable {
  const lower = value < before.min;
  const higher = value > before.max;
  const better = describeMetric(before.name).better === 'lower' ? lower : higher;
  const count = before.count + 1;
  const sum = finite(before.sum + value);
  return {
    ...before,
    count,
    sum,
    mean: sum / count,
    last: value,
    last_step: step,
    ...(lower ? { min: value, min_step: step } : {}),
    ...(higher ? { max: value, max_step: step } : {}),
    ...(better ? { best: value, best_step: step } : {}),
  };
}

/** The nearest finite number: JSON has no infinity, and the sum of two infinities may be NaN. */
const finite = (value: number): number => Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value));
