import { metricsPrefix, parseMetricsKey } from '../../contract/keys';
import type { DamagedObjectError } from '../../contract/objects/damaged-object';
import type { ObjectStore } from '../../contract/objects/object-store';
import type { MetricRecord } from '../../contract/records';
import { beforeChunks, chunksAfter, type MetricChunk, parseAttemptKey, readStarts } from '../ingest/run-objects';

/**
 * What a later attempt takes back of those before: all behind the step it resumed from, and what it made again there. One
 * that has written nothing yet takes nothing back: what was logged stays until there is something in its place.
 */
interface Resumption {
  attempt: number;
  step: number | null;
  madeAgain: ReadonlySet<string>;
}

/**
 * The stitched history of a run chunk by chunk: the records of `stitch` in its order, without ever holding more than a
 * chunk of them. Chunks that later attempts replaced as a whole are left out. Damaged records of attempts come first,
 * damaged chunks in their place; both are chunks without records.
 *
 * @param from key of the chunk to begin with; null: the first
 */
export async function* stitchedChunks(
  objects: ObjectStore,
  runId: string,
  from: string | null,
): AsyncGenerator<MetricChunk> {
  const { resumptions, damage } = await readResumptions(objects, runId);
  for (const chunk of damage) if (from === null || chunk.key >= from) yield chunk;
  for (const { attempt } of resumptions) {
    const later = resumptions.filter((resumption) => resumption.attempt > attempt);
    if (later.some((resumption) => resumption.step === null)) continue;
    for await (const chunk of chunksOf(objects, runId, attempt)) {
      if (from !== null && chunk.key < from) continue;
      const records = chunk.records.filter((record) => later.every((resumption) => isKept(record, resumption)));
      if (records.length > 0 || chunk.damage !== null) yield { ...chunk, records };
    }
  }
}

const keyOf = ({ step, scope }: MetricRecord): string => `${step} ${scope}`;

const isKept = (record: MetricRecord, { step, madeAgain }: Resumption): boolean =>
  step !== null && record.step <= step && !madeAgain.has(keyOf(record));

async function readResumptions(
  objects: ObjectStore,
  runId: string,
): Promise<{ resumptions: Resumption[]; damage: MetricChunk[] }> {
  const resumptions: Resumption[] = [];
  const { starts, damage } = await readStarts(objects, runId);
  for (const { attempt, resumedFromStep: step } of starts) {
    // A single attempt takes nothing back, whether or not it has written.
    if (starts.length > 1 && !(await hasChunks(objects, runId, attempt))) continue;
    const madeAgain = step === null ? new Set<string>() : await recordsUpTo(objects, runId, attempt, step);
    resumptions.push({ attempt, step, madeAgain });
  }
  const asChunk = (of: DamagedObjectError): MetricChunk => {
    return { key: of.key, attempt: parseAttemptKey(of.key) ?? 0, sequence: 0, records: [], damage: of };
  };
  return { resumptions, damage: damage.map(asChunk) };
}

async function hasChunks(objects: ObjectStore, runId: string, attempt: number): Promise<boolean> {
  const [first] = (await objects.list(metricsPrefix(runId), { after: beforeChunks(runId, attempt), limit: 1 })).objects;
  return first !== undefined && parseMetricsKey(first.key)?.attempt === attempt;
}

/** An attempt's records follow in the order of their steps, so the first behind `step` ends the search. */
async function recordsUpTo(objects: ObjectStore, runId: string, attempt: number, step: number): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { records } of chunksOf(objects, runId, attempt))
    for (const record of records) {
      if (record.step > step) return found;
      found.add(keyOf(record));
    }
  return found;
}

async function* chunksOf(objects: ObjectStore, runId: string, attempt: number): AsyncGenerator<MetricChunk> {
  for await (const chunk of chunksAfter(objects, runId, beforeChunks(runId, attempt))) {
    if (chunk.attempt !== attempt) return;
    yield chunk;
  }
}
