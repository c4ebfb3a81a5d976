import { historyKey, metricsPrefix, parseMetricsKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { type AttemptRecords, type MetricRecord, metricRecordSchema, stitch } from '../../contract/records';
import { readAttempts } from './attempts';
import { listKeys } from './list-keys';

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

/** Writes a history as one row a value: step, epoch, elapsedSeconds, scope, name, value (null: not finite). */
export async function writeHistory(
  objects: ObjectStore,
  runId: string,
  history: readonly MetricRecord[],
): Promise<void> {
  // An ES module, and needed once at the end: loading it at start-up would cost every run's first step.
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const rows = history.flatMap(({ values, ...at }) =>
    Object.entries(values).map(([name, value]) => ({ ...at, name, value })),
  );
  const body = parquetWriteBuffer({
    columnData: [
      { name: 'step', type: 'INT32', nullable: false, data: rows.map(({ step }) => step) },
      { name: 'epoch', type: 'INT32', nullable: false, data: rows.map(({ epoch }) => epoch) },
      { name: 'elapsedSeconds', type: 'DOUBLE', nullable: false, data: rows.map((row) => row.elapsedSeconds) },
      { name: 'scope', type: 'STRING', nullable: false, data: rows.map(({ scope }) => scope) },
      { name: 'name', type: 'STRING', nullable: false, data: rows.map(({ name }) => name) },
      { name: 'value', type: 'DOUBLE', nullable: true, data: rows.map(({ value }) => value) },
    ],
  });
  await objects.write(historyKey(runId), new Uint8Array(body));
}
