import { z } from 'zod';
import {
  attemptEndKey,
  attemptKey,
  attemptsPrefix,
  cancelledKey,
  checkpointStateFile,
  checkpointsPrefix,
  metricsKey,
  metricsPrefix,
  parseCheckpointKey,
  parseMetricsKey,
  progressKey,
  resultKey,
} from '../../contract/keys';
import { DamagedObjectError, orDamage } from '../../contract/objects/damaged-object';
import type { ObjectStore } from '../../contract/objects/object-store';
import { readMetricsChunk, readStored } from '../../contract/objects/stored-json';
import {
  type Attempt,
  type AttemptEnd,
  attemptEndSchema,
  attemptSchema,
  type MetricRecord,
  type Progress,
  progressSchema,
  type Result,
  resultSchema,
} from '../../contract/records';
import { tellDamage } from '../shared/tell-damage';

/** A chunk of metrics. `damage`: why there are no records of it; it may then be missing altogether. */
export interface MetricChunk {
  key: string;
  attempt: number;
  sequence: number;
  records: MetricRecord[];
  damage: DamagedObjectError | null;
}

/** All keys under a prefix, in order, page after page. */
export async function* keysUnder(objects: ObjectStore, prefix: string, after?: string): AsyncGenerator<string> {
  let position = after;
  do {
    const page = await objects.list(prefix, position === undefined ? {} : { after: position });
    for (const { key } of page.objects) yield key;
    position = page.next;
  } while (position !== undefined);
}

/**
 * The chunks of a run behind `after`, in the order in which they were written. An attempt numbers its chunks without
 * gaps, so a number that is left out is a chunk that is missing.
 */
export async function* chunksAfter(objects: ObjectStore, runId: string, after: string): AsyncGenerator<MetricChunk> {
  let before = parseMetricsKey(after);
  /** Where the listing begins within an attempt, its first chunk may have any number. */
  let anyNumber = before === null && /\/metrics\/\d+-/.test(after);
  for await (const key of keysUnder(objects, metricsPrefix(runId), after === '' ? undefined : after)) {
    const place = parseMetricsKey(key);
    if (place === null) continue;
    const expected = place.attempt === before?.attempt ? before.sequence + 1 : 0;
    if (!anyNumber && place.sequence > expected) yield await unlistedChunk(objects, runId, place, expected);
    const chunk = await readChunk(objects, key, place);
    // Deleted since it was listed: the next one shows the gap.
    if (chunk === null) continue;
    yield chunk;
    before = place;
    anyNumber = false;
  }
}

async function readChunk(
  objects: ObjectStore,
  key: string,
  place: { attempt: number; sequence: number },
): Promise<MetricChunk | null> {
  const records = await orLoggedDamage(readMetricsChunk(objects, key));
  if (records === null) return null;
  return records instanceof DamagedObjectError
    ? { key, ...place, records: [], damage: records }
    : { key, ...place, records, damage: null };
}

/** The chunk in a gap before `found`: stored all the same where the listing was a moment behind. */
async function unlistedChunk(
  objects: ObjectStore,
  runId: string,
  found: { attempt: number; sequence: number },
  sequence: number,
): Promise<MetricChunk> {
  const { attempt } = found;
  const key = metricsKey(runId, attempt, sequence);
  const stored = await readChunk(objects, key, { attempt, sequence });
  if (stored !== null) return stored;
  const missing = found.sequence - sequence;
  const fault = missing === 1 ? 'it is missing' : `it and the ${missing - 1} behind it are missing`;
  return { key, attempt, sequence, records: [], damage: logged(new DamagedObjectError(key, fault)) };
}

/** What attempts wrote of themselves. */
export interface StoredAttempts {
  attempts: Attempt[];
  /** Of the attempts whose records cannot be read. */
  damage: DamagedObjectError[];
}

/** The records of the attempts of a run that can be read, in order. */
export const readAttempts = async (objects: ObjectStore, runId: string): Promise<Attempt[]> =>
  (await readStoredAttempts(objects, runId)).attempts;

/** The records of the attempts of a run, in order. */
export async function readStoredAttempts(objects: ObjectStore, runId: string): Promise<StoredAttempts> {
  const stored: StoredAttempts = { attempts: [], damage: [] };
  for await (const key of keysUnder(objects, attemptsPrefix(runId))) {
    const number = parseAttemptKey(key);
    const read = number === null ? null : await orLoggedDamage(readAttempt(objects, runId, number));
    if (read instanceof DamagedObjectError) stored.damage.push(read);
    else if (read !== null) stored.attempts.push(read);
  }
  return stored;
}

async function readAttempt(objects: ObjectStore, runId: string, number: number): Promise<Attempt | null> {
  const key = attemptKey(runId, number);
  const attempt = await readStored(objects, key, attemptSchema);
  if (attempt === null || (attempt.attempt === number && attempt.runId === runId)) return attempt;
  throw new DamagedObjectError(key, `it is the record of attempt ${attempt.attempt} of ${attempt.runId}`);
}

/** Where an attempt joins the history of its run. */
export type AttemptStart = Pick<Attempt, 'attempt' | 'resumedFromStep'>;

/**
 * The starts of all attempts that wrote metrics or a record. Where a record is damaged or missing, the first metrics of
 * the attempt show where it began: its metrics start at the step after.
 */
export async function readStarts(
  objects: ObjectStore,
  runId: string,
): Promise<{ starts: AttemptStart[]; damage: DamagedObjectError[] }> {
  const { attempts, damage } = await readStoredAttempts(objects, runId);
  const starts: AttemptStart[] = [...attempts];
  // Attempts are numbered from 1: where none is left out, only those behind the newest may lack a record.
  const newest = attempts.at(-1)?.attempt ?? 0;
  const first = attempts.length === newest ? newest + 1 : 0;
  for await (const number of attemptsWithMetrics(objects, runId, first)) {
    if (attempts.some(({ attempt }) => attempt === number)) continue;
    const read = await orLoggedDamage(readAttempt(objects, runId, number));
    // It began after the attempts were listed.
    if (read !== null && !(read instanceof DamagedObjectError)) {
      starts.push(read);
      continue;
    }
    if (read === null)
      damage.push(logged(new DamagedObjectError(attemptKey(runId, number), 'it is missing, its metrics are there')));
    starts.push({ attempt: number, resumedFromStep: number === 1 ? null : await stepBefore(objects, runId, number) });
  }
  return { starts: starts.sort((a, b) => a.attempt - b.attempt), damage };
}

/** Numbers of the attempts that have chunks, ascending from `first`. */
async function* attemptsWithMetrics(objects: ObjectStore, runId: string, first: number): AsyncGenerator<number> {
  for (let least = first; ; ) {
    const page = await objects.list(metricsPrefix(runId), { after: beforeChunks(runId, least), limit: 1 });
    const place = parseMetricsKey(page.objects[0]?.key ?? '');
    if (place === null) return;
    yield place.attempt;
    least = place.attempt + 1;
  }
}

/** A position right before the chunks of an attempt. */
export const beforeChunks = (runId: string, attempt: number): string =>
  metricsKey(runId, attempt, 0).replace(/-\d+\.jsonl$/, '');

async function stepBefore(objects: ObjectStore, runId: string, attempt: number): Promise<number> {
  for await (const chunk of chunksAfter(objects, runId, beforeChunks(runId, attempt))) {
    if (chunk.attempt !== attempt) break;
    const [first] = chunk.records;
    if (first !== undefined) return Math.max(0, first.step - 1);
  }
  return 0;
}

/** The number of the newest attempt that wrote its record; 0 before the first. The next one takes the next number. */
export async function newestAttemptNumber(objects: ObjectStore, runId: string): Promise<number> {
  let newest = 0;
  for await (const key of keysUnder(objects, attemptsPrefix(runId)))
    newest = Math.max(newest, parseAttemptKey(key) ?? 0);
  return newest;
}

/** The end record of an attempt; null if missing or damaged (logged): the exit code then says how it ended. */
export const readAttemptEnd = (objects: ObjectStore, runId: string, attempt: number): Promise<AttemptEnd | null> =>
  orNull(readStored(objects, attemptEndKey(runId, attempt), attemptEndSchema));

/** The last sign of life of a run; null if missing or damaged (logged): the trainer soon writes the next one. */
export const readProgress = (objects: ObjectStore, runId: string): Promise<Progress | null> =>
  orNull(readStored(objects, progressKey(runId), progressSchema));

/** @throws DamagedObjectError */
export async function readResult(objects: ObjectStore, runId: string): Promise<Result | null> {
  const result = await orLoggedDamage(readStored(objects, resultKey(runId), resultSchema));
  if (result instanceof DamagedObjectError) throw result;
  return result;
}

const cancellationSchema = z.object({ at: z.iso.datetime(), stoppedAtEpoch: z.int().optional() });

/** The wish that a run ends. `stoppedAtEpoch`: of successive halving. */
export type Cancellation = z.output<typeof cancellationSchema>;

/** A damaged one still is a wish: nobody wrote it without. */
export async function readCancellation(objects: ObjectStore, runId: string): Promise<Cancellation | null> {
  const key = cancelledKey(runId);
  const wish = await orLoggedDamage(readStored(objects, key, cancellationSchema));
  if (!(wish instanceof DamagedObjectError)) return wish;
  return { at: ((await objects.info(key))?.modifiedAt ?? new Date()).toISOString() };
}

/** The step of the newest complete checkpoint; null where there is none. */
export async function newestCheckpointStep(objects: ObjectStore, runId: string): Promise<number | null> {
  let newest: number | null = null;
  for await (const key of keysUnder(objects, checkpointsPrefix(runId)))
    if (key.endsWith(`/${checkpointStateFile}`)) newest = Math.max(newest ?? 0, parseCheckpointKey(key) ?? 0);
  return newest;
}

/** The number in the key of an attempt's record; null for any other key. */
export function parseAttemptKey(key: string): number | null {
  const match = /\/(\d+)\.json$/.exec(key);
  return match && Number(match[1]);
}

/** As `orDamage`; logs the damage. */
async function orLoggedDamage<T>(reading: Promise<T>): Promise<T | DamagedObjectError> {
  const read = await orDamage(reading);
  return read instanceof DamagedObjectError ? logged(read) : read;
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  const read = await orLoggedDamage(reading);
  return read instanceof DamagedObjectError ? null : read;
}

function logged(damage: DamagedObjectError): DamagedObjectError {
  tellDamage(damage);
  return damage;
}
