import { historyKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import { type AttemptRecords, type MetricRecord, stitch } from '../../contract/records';
import { chunksAfter, readAttempts } from '../ingest/run-objects';
import type { SeriesPoint } from './downsample';

/** Series of a run by metric name, in the order of their steps. */
export type RunHistory = Map<string, SeriesPoint[]>;

/**
 * The stitched history of a run, narrowed to some metrics: from `history.parquet`, which a finished run leaves, else
 * from the chunks.
 */
export async function readHistory(
  objects: ObjectStore,
  runId: string,
  names: ReadonlySet<string>,
): Promise<RunHistory> {
  const whole = await objects.read(historyKey(runId));
  return whole === null ? fromChunks(objects, runId, names) : fromParquet(whole, names);
}

async function fromChunks(objects: ObjectStore, runId: string, names: ReadonlySet<string>): Promise<RunHistory> {
  const attempts = await readAttempts(objects, runId);
  const written = new Map<number, AttemptRecords>(
    attempts.map(({ attempt, resumedFromStep }) => [attempt, { attempt, resumedFromStep, records: [] }]),
  );
  for await (const { attempt, records } of chunksAfter(objects, runId, ''))
    written.get(attempt)?.records.push(...records);
  const history: RunHistory = new Map();
  for (const record of stitch([...written.values()])) addRecord(history, record, names);
  return history;
}

function addRecord(history: RunHistory, { values, ...at }: MetricRecord, names: ReadonlySet<string>): void {
  for (const [name, value] of Object.entries(values)) if (names.has(name)) addPoint(history, name, { ...at, value });
}

/** One row a value: step, epoch, elapsedSeconds, scope, name, value. */
async function fromParquet(body: Uint8Array, names: ReadonlySet<string>): Promise<RunHistory> {
  // An ES module, and not needed to serve anything else.
  const { parquetReadObjects } = await import('hyparquet');
  const file = body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength) as ArrayBuffer;
  const columns = ['step', 'epoch', 'elapsedSeconds', 'name', 'value'];
  const history: RunHistory = new Map();
  for (const row of await parquetReadObjects({ file, columns })) {
    const name = String(row.name);
    if (names.has(name)) addPoint(history, name, pointOf(row));
  }
  return history;
}

const pointOf = (row: Record<string, unknown>): SeriesPoint => ({
  step: Number(row.step),
  epoch: Number(row.epoch),
  elapsedSeconds: Number(row.elapsedSeconds),
  value: typeof row.value === 'number' ? row.value : null,
});

function addPoint(history: RunHistory, name: string, { step, epoch, elapsedSeconds, value }: SeriesPoint): void {
  const series = history.get(name) ?? [];
  series.push({ step, epoch, elapsedSeconds, value });
  history.set(name, series);
}
