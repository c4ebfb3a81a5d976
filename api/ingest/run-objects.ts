import { z } from 'zod';
import {
  attemptEndKey,
  attemptsPrefix,
  cancelledKey,
  checkpointStateFile,
  checkpointsPrefix,
  metricsPrefix,
  parseCheckpointKey,
  parseMetricsKey,
  progressKey,
  resultKey,
} from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import {
  type Attempt,
  type AttemptEnd,
  attemptEndSchema,
  attemptSchema,
  type MetricRecord,
  metricRecordSchema,
  type Progress,
  progressSchema,
  type Result,
  resultSchema,
} from '../../contract/records';

/** A chunk of metrics as it was written. */
export interface MetricChunk {
  key: string;
  attempt: number;
  sequence: number;
  records: MetricRecord[];
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

/** The chunks of a run behind `after`, in the order in which they were written. */
export async function* chunksAfter(objects: ObjectStore, runId: string, after: string): AsyncGenerator<MetricChunk> {
  for await (const key of keysUnder(objects, metricsPrefix(runId), after === '' ? undefined : after)) {
    const place = parseMetricsKey(key);
    if (place === null) continue;
    const body = await objects.read(key);
    if (body !== null) yield { key, ...place, records: parseChunk(key, body) };
  }
}

function parseChunk(key: string, body: Uint8Array): MetricRecord[] {
  const lines = Buffer.from(body).toString().split('\n');
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return [];
    return [parseObject(`${key}, line ${index + 1}`, line, metricRecordSchema)];
  });
}

export async function readAttempts(objects: ObjectStore, runId: string): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for await (const key of keysUnder(objects, attemptsPrefix(runId))) {
    if (!/\/\d+\.json$/.test(key)) continue;
    const attempt = await readObject(objects, key, attemptSchema);
    if (attempt !== null) attempts.push(attempt);
  }
  return attempts;
}

/** The number of the newest attempt that wrote its record; 0 before the first. The next one takes the next number. */
export async function newestAttemptNumber(objects: ObjectStore, runId: string): Promise<number> {
  let newest = 0;
  for await (const key of keysUnder(objects, attemptsPrefix(runId))) {
    const match = /\/(\d+)\.json$/.exec(key);
    if (match) newest = Math.max(newest, Number(match[1]));
  }
  return newest;
}

export const readAttemptEnd = (objects: ObjectStore, runId: string, attempt: number): Promise<AttemptEnd | null> =>
  readObject(objects, attemptEndKey(runId, attempt), attemptEndSchema);

export const readProgress = (objects: ObjectStore, runId: string): Promise<Progress | null> =>
  readObject(objects, progressKey(runId), progressSchema);

export const readResult = (objects: ObjectStore, runId: string): Promise<Result | null> =>
  readObject(objects, resultKey(runId), resultSchema);

const cancellationSchema = z.object({ at: z.iso.datetime(), stoppedAtEpoch: z.int().optional() });

/** The wish that a run ends. `stoppedAtEpoch`: of successive halving. */
export type Cancellation = z.output<typeof cancellationSchema>;

export const readCancellation = (objects: ObjectStore, runId: string): Promise<Cancellation | null> =>
  readObject(objects, cancelledKey(runId), cancellationSchema);

/** The step of the newest complete checkpoint; null where there is none. */
export async function newestCheckpointStep(objects: ObjectStore, runId: string): Promise<number | null> {
  let newest: number | null = null;
  for await (const key of keysUnder(objects, checkpointsPrefix(runId)))
    if (key.endsWith(`/${checkpointStateFile}`)) newest = Math.max(newest ?? 0, parseCheckpointKey(key) ?? 0);
  return newest;
}

async function readObject<T extends z.ZodType>(objects: ObjectStore, key: string, schema: T) {
  const body = await objects.read(key);
  return body === null ? null : parseObject(key, Buffer.from(body).toString(), schema);
}

/** @throws Error naming the object: what a trainer wrote is always well-formed, so somebody else wrote this. */
function parseObject<T extends z.ZodType>(place: string, text: string, schema: T): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${place} is no JSON: ${(error as Error).message}`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new Error(`${place} is not what a trainer writes:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
