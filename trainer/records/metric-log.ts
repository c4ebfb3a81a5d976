import { metricsKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import type { MetricRecord } from '../../contract/records';

/** Collects the metric records of an attempt and writes them as immutable chunks of JSON lines. */
export interface MetricLog {
  add(record: MetricRecord): void;
  /** Writes what was added since the last chunk, if anything. Must be awaited before the next call. */
  flush(): Promise<void>;
  /** As `flush`, but not sooner than `flushSeconds` after the last chunk: live enough to follow, few enough to list. */
  flushIfDue(): Promise<void>;
}

const flushSeconds = 2;

export function openMetricLog(objects: ObjectStore, runId: string, attempt: number): MetricLog {
  let lines = '';
  let sequence = 0;
  let flushedAt = -Infinity;
  const flush = async () => {
    if (lines === '') return;
    const key = metricsKey(runId, attempt, sequence);
    const outcome = await objects.write(key, lines, { if: 'absent' });
    if (outcome.kind === 'conflict')
      throw new Error(`${key} exists already: two processes carry out attempt ${attempt}`);
    lines = '';
    sequence += 1;
    flushedAt = performance.now();
  };
  return {
    add: (record) => {
      lines += `${JSON.stringify(record)}\n`;
    },
    flush,
    flushIfDue: async () => {
      if (performance.now() - flushedAt >= flushSeconds * 1000) await flush();
    },
  };
}

/** Numbers as a record holds them: what is not finite becomes null, which JSON has no other word for. */
export function finiteOrNull(values: Readonly<Record<string, number>>): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Number.isFinite(value) ? value : null]),
  );
}
