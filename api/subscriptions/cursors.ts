import { metricsKey } from '../../contract/keys';

/** Place among the changes of runs: when a change was first seen, and which of those that were seen together. */
export interface RunCursor {
  changedAt: string;
  runId: string;
}

export const runCursor = ({ changedAt, runId }: RunCursor): string => `${changedAt}~${runId}`;

/** null where the text is no such cursor. */
export function parseRunCursor(cursor: string): RunCursor | null {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)~([A-Za-z0-9_-]{1,64})$/.exec(cursor);
  return match && !Number.isNaN(Date.parse(match[1]!)) ? { changedAt: match[1]!, runId: match[2]! } : null;
}

/** Place among the metrics of a run: the chunk by its attempt and sequence, and how many of its parts were given. */
export interface MetricCursor {
  attempt: number;
  sequence: number;
  parts: number;
}

export const metricCursor = ({ attempt, sequence, parts }: MetricCursor): string => `${attempt}-${sequence}.${parts}`;

/** null where the text is no such cursor. */
export function parseMetricCursor(cursor: string): MetricCursor | null {
  const match = /^(\d{1,9})-(\d{1,9})\.(\d{1,9})$/.exec(cursor);
  return match ? { attempt: Number(match[1]), sequence: Number(match[2]), parts: Number(match[3]) } : null;
}

/**
 * The position from which a listing finds the chunk of the cursor again, since it may have parts left: its key without
 * the last character, which sorts behind all chunks before it. Attempts count from 1: attempt 0 is the beginning.
 */
export const positionBefore = (runId: string, { attempt, sequence }: MetricCursor): string =>
  attempt === 0 ? '' : metricsKey(runId, attempt, sequence).slice(0, -1);
