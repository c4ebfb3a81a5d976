import type { AsyncBuffer } from 'hyparquet';
import { historyKey } from '../../contract/keys';
import type { ByteRange, ObjectStore } from '../../contract/objects/object-store';
import { type AttemptRecords, stitch } from '../../contract/records';
import { chunksAfter, readAttempts } from '../ingest/run-objects';
import { emptySeries, joined, pick, type Series } from './series';

/** Series of a run by the name of the metric. */
export type RunHistory = Map<string, Series>;

/** A file of up to so many bytes is read as a whole; of a larger one the parts that hold the metrics. */
const readWhole = 1e6;

/**
 * The stitched history of a run, narrowed to some metrics: from `history.parquet`, which a finished run leaves, else
 * from the chunks.
 */
export async function readHistory(
  objects: ObjectStore,
  runId: string,
  names: ReadonlySet<string>,
): Promise<RunHistory> {
  const key = historyKey(runId);
  const info = await objects.info(key);
  return info === null
    ? fromChunks(objects, runId, names)
    : fromParquet(await fileOf(objects, key, info.sizeBytes), names);
}

async function fromChunks(objects: ObjectStore, runId: string, names: ReadonlySet<string>): Promise<RunHistory> {
  const attempts = await readAttempts(objects, runId);
  const written = new Map<number, AttemptRecords>(
    attempts.map(({ attempt, resumedFromStep }) => [attempt, { attempt, resumedFromStep, records: [] }]),
  );
  for await (const { attempt, records } of chunksAfter(objects, runId, ''))
    written.get(attempt)?.records.push(...records);
  const history = new Map([...names].map((name) => [name, emptySeries()]));
  for (const { values, ...at } of stitch([...written.values()]))
    for (const [name, value] of Object.entries(values)) {
      const series = history.get(name);
      if (series === undefined) continue;
      series.step.push(at.step);
      series.epoch.push(at.epoch);
      series.elapsedSeconds.push(at.elapsedSeconds);
      series.value.push(value);
    }
  return history;
}

const columns = ['name', 'step', 'epoch', 'elapsedSeconds', 'value'] as const;

/**
 * One row a value: step, epoch, elapsedSeconds, scope, name, value. A file has a long metric in row groups of its own;
 * one of an earlier trainer has all metrics of a step side by side, and is gone through as a whole.
 */
async function fromParquet(file: AsyncBuffer, names: ReadonlySet<string>): Promise<RunHistory> {
  // An ES module, and not needed to serve anything else.
  const { parquetScan } = await import('hyparquet');
  const history: RunHistory = new Map();
  const scan = await parquetScan({ file, pruningFilter: { name: { $in: [...names] } } });
  for (const range of scan.ranges) {
    const read = (column: string) => scan.readColumn({ ...range, column });
    const [named, step, epoch, elapsedSeconds, value] = await Promise.all(columns.map(read));
    for (const name of names) {
      const series = pick({ step, epoch, elapsedSeconds, value } as Series, placesOf(named as string[], name));
      history.set(name, joined(history.get(name), series));
    }
  }
  return history;
}

/** The places of a name: where it begins and ends if all in between have it, else each. */
function placesOf(named: readonly string[], name: string): { start: number; end: number } | number[] {
  const [start, end] = [named.indexOf(name), named.lastIndexOf(name) + 1];
  if (start < 0) return [];
  let at = start;
  while (at < end && named[at] === name) at += 1;
  if (at === end) return { start, end };
  return [...named.keys()].filter((place) => named[place] === name);
}

/** Bytes of a stored object as `hyparquet` asks for them. @throws Error where it is gone meanwhile */
async function fileOf(objects: ObjectStore, key: string, byteLength: number): Promise<AsyncBuffer> {
  const read = async (range?: ByteRange): Promise<ArrayBuffer> => {
    const body = await objects.read(key, range);
    if (body === null) throw new Error(`${key} was deleted while it was read`);
    return body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength) as ArrayBuffer;
  };
  if (byteLength > readWhole)
    return { byteLength, slice: (start, end = byteLength) => read({ start, end: Math.max(start, end - 1) }) };
  return read();
}
