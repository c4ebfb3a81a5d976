import { parseMetricsKey } from '../../contract/keys';
import type { DamagedObjectError } from '../../contract/objects/damaged-object';
import type { ObjectStore } from '../../contract/objects/object-store';
import { type AttemptRecords, type MetricRecord, stitch } from '../../contract/records';
import { chunksAfter, readStarts } from './run-objects';

/** Rows of metrics in one transaction: Aurora DSQL changes at most 3,000 in one, and some are of the run itself. */
const rowsPerTransaction = 2800;
/** Values of one batch, roughly: all of it is in memory at a time. */
const valuesPerBatch = 1500;

/** Records that are taken in together, in as many transactions as their rows need: mostly one. */
export interface Batch {
  /** Key of the last chunk; the position itself where there is none. */
  lastKey: string;
  records: MetricRecord[];
  /** The records are the history from its beginning: what was summed up before holds some that were replaced. */
  anew: boolean;
  /** Further chunks lie behind. */
  more: boolean;
  /** What could not be read of the chunks, and is left out of the records. */
  damage: DamagedObjectError[];
  /** Names of metrics, a transaction each. */
  parts: ReadonlySet<string>[];
}

/** Position within a batch of which some parts were taken. It sorts right before the last chunk, which so comes again. */
export const positionWithin = ({ lastKey, anew }: Batch, parts: number): string =>
  `${lastKey.slice(0, -1)}${anew ? '!' : '#'}${parts}`;

/** How far a batch was taken at a position; null where that is the end of one. */
function parsePositionWithin(position: string): { lastKey: string; anew: boolean; parts: number } | null {
  const match = /^(.*\.json)([!#])(\d+)$/.exec(position);
  return match && { lastKey: `${match[1]}l`, anew: match[2] === '!', parts: Number(match[3]) };
}

export const partsTaken = (position: string): number => parsePositionWithin(position)?.parts ?? 0;

/**
 * The chunks behind `position` while they are of one attempt; the stitched history from its beginning where another
 * attempt has begun to write, since it computed again what the one before wrote behind the checkpoint. Within a batch it
 * is that batch once more: chunks never change.
 */
export async function nextBatch(objects: ObjectStore, runId: string, position: string): Promise<Batch> {
  const within = parsePositionWithin(position);
  if (within?.anew) return historyUntil(objects, runId, within.lastKey);
  let attempt = parseMetricsKey(position)?.attempt;
  const batch = {
    lastKey: position,
    records: [] as MetricRecord[],
    anew: false,
    more: false,
    damage: [] as DamagedObjectError[],
  };
  const rows: Rows = new Map();
  let values = 0;
  for await (const chunk of chunksAfter(objects, runId, position)) {
    // Of a batch in parts, the one chunk it has.
    batch.more = within !== null && chunk.key !== within.lastKey;
    if (batch.more) break;
    attempt ??= chunk.attempt;
    if (chunk.attempt !== attempt) return historyUntil(objects, runId, chunk.key);
    const further = countRows(new Map(rows), chunk.records);
    batch.more = values >= valuesPerBatch || (rows.size > 0 && sumOf(further) > rowsPerTransaction);
    if (batch.more) break;
    batch.lastKey = chunk.key;
    batch.records.push(...chunk.records);
    if (chunk.damage !== null) batch.damage.push(chunk.damage);
    countRows(rows, chunk.records);
    values += valuesOf(chunk.records);
  }
  return { ...batch, parts: partsOf(rows) };
}

/** All that the attempts before that of the chunk `lastKey` left standing, and of that one what was written up to it. */
async function historyUntil(objects: ObjectStore, runId: string, lastKey: string): Promise<Batch> {
  const { starts, damage } = await readStarts(objects, runId);
  const written: AttemptRecords[] = starts.map(({ attempt, resumedFromStep }) => ({
    attempt,
    resumedFromStep,
    records: [],
  }));
  /** Of all that was ever written: what was replaced is deleted, or written over. */
  const rows: Rows = new Map();
  /** Attempts of which a chunk was found, be it a damaged one. */
  const begun = new Set<number>();
  let reached = '';
  for await (const chunk of chunksAfter(objects, runId, '')) {
    const ofAttempt = written.find(({ attempt }) => attempt === chunk.attempt);
    // An attempt that began after the starts were read: its chunks are for the next time.
    if (ofAttempt === undefined) break;
    begun.add(chunk.attempt);
    countRows(rows, chunk.records);
    ofAttempt.records.push(...chunk.records);
    if (chunk.damage !== null) damage.push(chunk.damage);
    reached = chunk.key;
    if (chunk.key === lastKey) break;
  }
  // One that began and wrote nothing yet has replaced nothing yet.
  const records = stitch(written.filter(({ attempt }) => begun.has(attempt)));
  return { lastKey: reached, records, anew: true, more: reached === lastKey, parts: partsOf(rows), damage };
}

/** Rows that the records change, by the name of the metric: its summary, and each of its evaluations. */
type Rows = Map<string, number>;

function countRows(rows: Rows, records: readonly MetricRecord[]): Rows {
  for (const { scope, values } of records)
    for (const name of Object.keys(values)) rows.set(name, (rows.get(name) ?? 1) + (scope === 'epoch' ? 1 : 0));
  return rows;
}

const sumOf = (rows: Rows): number => [...rows.values()].reduce((sum, count) => sum + count, 0);
const valuesOf = (records: readonly MetricRecord[]): number =>
  records.reduce((sum, { values }) => sum + Object.keys(values).length, 0);

/** The names cut where a transaction is full. They come in the order of the records, so always alike. */
function partsOf(rows: Rows): Set<string>[] {
  const parts = [new Set<string>()];
  let used = 0;
  for (const [name, count] of rows) {
    if (used > 0 && used + count > rowsPerTransaction) {
      parts.push(new Set());
      used = 0;
    }
    parts.at(-1)!.add(name);
    used += count;
  }
  return parts;
}
