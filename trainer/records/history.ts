import { digestOfSeries, seriesDigestsName } from '../../contract/digests';
import { historyKey, metricsPrefix, parseMetricsKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { readMetricsChunk } from '../../contract/objects/stored-json';
import { type AttemptRecords, type MetricRecord, stitch } from '../../contract/records';
import { listKeys } from '../checkpoint/list-keys';
import { readAttempts } from './attempts';

/** The stitched history of a run, from the chunks of all its attempts. @throws DamagedObjectError */
export async function readHistory(objects: ObjectStore, runId: string): Promise<MetricRecord[]> {
  const attempts = new Map<number, AttemptRecords>();
  for (const { attempt, resumedFromStep } of await readAttempts(objects, runId))
    attempts.set(attempt, { attempt, resumedFromStep, records: [] });
  for (const key of await listKeys(objects, metricsPrefix(runId))) {
    const chunk = parseMetricsKey(key);
    const attempt = chunk && attempts.get(chunk.attempt);
    if (attempt) attempt.records.push(...((await readMetricsChunk(objects, key)) ?? []));
  }
  return stitch([...attempts.values()]);
}

/** Measured numbers do not get smaller by compressing them, which takes longer to undo than all else takes to read. */
const measured = { type: 'DOUBLE', codec: 'UNCOMPRESSED' } as const;

/** A metric with so many values has row groups of its own. */
const longSeries = 1000;

/**
 * Writes a history as one row a value: step, epoch, elapsedSeconds, scope, name, value (null: not finite). Metric after
 * metric, long ones in row groups of their own: who reads one metric of many finds it by the statistics of the names. The
 * metadata has a digest of each.
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
    kvMetadata: [{ key: seriesDigestsName, value: JSON.stringify(digestsOf(series)) }],
    rowGroupSize: [...series.filter(isLong).map(({ length }) => length), Math.max(1, rows.length)],
  });
  await objects.write(historyKey(runId), new Uint8Array(body));
}

/** By the name of the metric. */
const digestsOf = (series: readonly Row[][]): Record<string, string> =>
  Object.fromEntries(
    series.map((rows) => [
      rows[0]!.name,
      digestOfSeries({
        step: rows.map(({ step }) => step),
        epoch: rows.map(({ epoch }) => epoch),
        elapsedSeconds: rows.map((row) => row.elapsedSeconds),
        value: rows.map(({ value }) => value),
      }),
    ]),
  );

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
