import type { AsyncBuffer } from 'hyparquet';
import { digestOfSeries, seriesDigestsName } from '../../contract/digests';
import { historyKey } from '../../contract/keys';
import { DamagedObjectError } from '../../contract/objects/damaged-object';
import type { ByteRange, ObjectStore } from '../../contract/objects/object-store';
import { breathe } from '../shared/breathe';
import { tellDamage } from '../shared/tell-damage';
import { emptySeries, joined, pick, type Series } from './series';
import { stitchedChunks } from './stitched-chunks';

/** Series of a run by the name of the metric. */
type SeriesByName = Map<string, Series>;

export interface RunHistory {
  series: SeriesByName;
  /** Damaged objects that it was to be read from, with what to do about each. */
  damage: string[];
}

/** A file of up to so many bytes is read as a whole; of a larger one the parts that hold the metrics. */
const readWhole = 1e6;

/**
 * The stitched history of a run, narrowed to some metrics: from `history.parquet`, which a finished run leaves, else
 * from the chunks, also where that file is damaged. What is damaged of these is left out.
 */
export async function readHistory(
  objects: ObjectStore,
  runId: string,
  names: ReadonlySet<string>,
): Promise<RunHistory> {
  const key = historyKey(runId);
  const info = await objects.info(key);
  if (info === null) return fromChunks(objects, runId, names);
  const file = await readParquet(objects, key, info.sizeBytes, (buffer) => fromParquet(buffer, names));
  if (!(file instanceof DamagedObjectError)) return { series: file, damage: [] };
  tellDamage(file);
  const { series, damage } = await fromChunks(objects, runId, names);
  return { series, damage: [file.message, ...damage] };
}

async function fromChunks(objects: ObjectStore, runId: string, names: ReadonlySet<string>): Promise<RunHistory> {
  const history = new Map([...names].map((name) => [name, emptySeries()]));
  const damaged: string[] = [];
  for await (const { records, damage } of stitchedChunks(objects, runId, null)) {
    for (const { values, ...at } of records)
      for (const [name, series] of history) {
        const value = values[name];
        if (value === undefined) continue;
        series.step.push(at.step);
        series.epoch.push(at.epoch);
        series.elapsedSeconds.push(at.elapsedSeconds);
        series.value.push(value);
      }
    if (damage !== null) damaged.push(damage.message);
    await breathe();
  }
  return { series: history, damage: damaged };
}

const columns = ['name', 'step', 'epoch', 'elapsedSeconds', 'value'] as const;

/**
 * One row a value: step, epoch, elapsedSeconds, scope, name, value. A file has a long metric in row groups of its own;
 * one of an earlier trainer has all metrics of a step side by side, and is gone through as a whole.
 */
async function fromParquet(file: AsyncBuffer, names: ReadonlySet<string>): Promise<SeriesByName> {
  // An ES module, and not needed to serve anything else.
  const { parquetScan } = await import('hyparquet');
  const history: SeriesByName = new Map();
  const scan = await parquetScan({ file, pruningFilter: { name: { $in: [...names] } } });
  for (const range of scan.ranges) {
    const read = (column: string) => scan.readColumn({ ...range, column });
    const [named, step, epoch, elapsedSeconds, value] = await Promise.all(columns.map(read));
    for (const name of names) {
      await breathe();
      const series = pick({ step, epoch, elapsedSeconds, value } as Series, placesOf(named as string[], name));
      history.set(name, joined(history.get(name), series));
    }
  }
  const stored = scan.metadata.key_value_metadata?.find(({ key }) => key === seriesDigestsName)?.value;
  const digests = new Map<string, string>(Object.entries(JSON.parse(stored ?? '{}')));
  for (const name of names) {
    await breathe();
    requireSeries(name, history.get(name) ?? emptySeries(), digests.get(name));
  }
  return history;
}

/**
 * @param digest undefined: the trainer stored no digest for this metric
 * @throws Error where the columns are not what a trainer writes: steps in order, finite numbers or null, that digest
 */
function requireSeries(name: string, series: Series, digest: string | undefined): void {
  const { step, epoch, elapsedSeconds, value } = series;
  if (digest !== undefined && digestOfSeries(series) !== digest) throw new Error(`the digest of ${name} differs`);
  const isCount = (count: unknown) => Number.isInteger(count) && (count as number) >= 0;
  for (let place = 0; place < step.length; place += 1) {
    const isRow =
      isCount(step[place]) &&
      (place === 0 || step[place]! >= step[place - 1]!) &&
      isCount(epoch[place]) &&
      Number.isFinite(elapsedSeconds[place]) &&
      (value[place] == null || Number.isFinite(value[place]));
    if (!isRow) throw new Error(`value ${place + 1} of ${name} is not one that was logged`);
  }
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

/** Reads a Parquet file, or says how it is damaged. @throws what the store throws */
async function readParquet<T>(
  objects: ObjectStore,
  key: string,
  byteLength: number,
  work: (file: AsyncBuffer) => Promise<T>,
): Promise<T | DamagedObjectError> {
  let failure: unknown = null;
  const read = async (range?: ByteRange): Promise<ArrayBuffer> => {
    const body = await objects.read(key, range).catch((error) => {
      failure = error;
      throw error;
    });
    if (body === null) throw new Error('it was deleted while it was read');
    return body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength) as ArrayBuffer;
  };
  try {
    const whole = byteLength <= readWhole ? await read() : null;
    return await work({
      byteLength,
      async slice(start, end = byteLength) {
        const part = whole?.slice(start, end) ?? (await read({ start, end: Math.max(start, end - 1) }));
        // Each part is decoded as soon as it is read.
        await breathe();
        return part;
      },
    });
  } catch (error) {
    if (failure !== null) throw failure;
    return new DamagedObjectError(key, `it is not a readable Parquet file: ${(error as Error).message}`);
  }
}
