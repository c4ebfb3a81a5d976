import { historyKey, metricsPrefix, parseMetricsKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { type AttemptRecords, type MetricRecord, metricRecordSchema, stitch } from '../../contract/records';
import { listKeys } from '../checkpoint/list-keys';
import { readAttempts } from './attempts';

/** The stitched history of a run, from the chunks of all its attempts. */
export async function readHistory(objects: ObjectStore, runId: string): Promise<MetricRecord[]> {
  const attempts = new Map<number, AttemptRecords>();
  for (const { attempt, resumedFromStep } of await readAttempts(objects, runId))
    attempts.set(attempt, { attempt, resumedFromStep, records: [] });
  for (const key of await listKeys(objects, metricsPrefix(runId))) {
    const chunk = parseMetricsKey(key);
    const body = chunk && attempts.has(chunk.attempt) ? await objects.read(key) : null;
    if (chunk && body) attempts.get(chunk.attempt)?.records.push(...parseChunk(body));
  }
  return stitch([...attempts.values()]);
}

function parseChunk(body: Uint8Array): MetricRecord[] {
  const lines = Buffer.from(body).toString().split('\n');
  return lines.filter((line) => line !== '').map((line) => metricRecordSchema.parse(JSON.parse(line)));
}

/** Measured numbers do not get smaller by compressing them, which takes longer to undo than all else takes to read. */
const measured = { type: 'DOUBLE', codec: 'UNCOMPRESSED' } as const;

/** A metric with so many values has row groups of its own. */
const longSeries = 1000;

/**
 * Writes a history as one row a value: step, epoch, elapsedSeconds, scope, name, value (null: not finite). Metric after
 * metric, long ones in row groups of their own: who reads one metric of many finds it by the statistics of the names.
 */
export async function writeHistory(
  objects: ObjectStore,
  runId: string,
  history: readonly MetricRecord[],
): Promise<void> {
  // An ES module, and needed once at the end: loading it at start-up would cost every run's first step.
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const series = [...seriesOf(history).values()].sort((a, b) => Number(isLong(b)) - Number(isLong(a)));
  const rows = series.flat();
  const body = parquetWriteBuffer({
    columnData: [
      { name: 'step', type: 'INT32', nullable: false, data: rows.map(({ step }) => step) },
      { name: 'epoch', type: 'INT32', nullable: false, data: rows.map(({ epoch }) => epoch) },
      { ...measured, name: 'elapsedSeconds', nullable: false, data: rows.map((row) => row.elapsedSeconds) },
      { name: 'scope', type: 'STRING', nullable: false, data: rows.map(({ scope }) => scope) },
      { name: 'name', type: 'STRING', nullable: false, data: rows.map(({ name }) => name) },
      { ...measured, name: 'value', nullable: true, data: rows.map(({ value }) => value) },
    ],
    rowGroupSize: [...series.filter(isLong).map(({ length }) => length), Math.max(1, rows.length)],
  });
  await objects.write(historyKey(runId), new Uint8Array(body));
}

type Row = Omit<MetricRecord, 'values'> & { name: string; value: number | null };

const isLong = ({ length }: readonly Row[]): boolean => length >= longSeries;

/** The values of each metric in the order of their steps, metrics in the order in which they first appear. */
function seriesOf(history: readonly MetricRecord[]): Map<string, Row[]> {
  const series = new Map<string, Row[]>();
  for (const { values, ...at } of history)
    for (const [name, value] of Object.entries(values)) {
      const rows = series.get(name) ?? [];
      series.set(name, rows);
      rows.push({ ...at, name, value });
    }
  return series;
}
