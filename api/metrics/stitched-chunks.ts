import { metricsKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import type { MetricRecord } from '../../contract/records';
import { chunksAfter, type MetricChunk, readAttempts } from '../ingest/run-objects';

/** What a later attempt takes back of those before: all behind the step it resumed from, and what it made again there. */
interface Resumption {
  attempt: number;
  step: number | null;
  madeAgain: ReadonlySet<string>;
}

/**
 * The stitched history of a run chunk by chunk: the records of `stitch` in its order, without ever holding more than a
 * chunk of them. Chunks of which nothing is left are not given.
 *
 * @param from key of the chunk to begin with; null: the first
 */
export async function* stitchedChunks(
  objects: ObjectStore,
  runId: string,
  from: string | null,
): AsyncGenerator<MetricChunk> {
  const resumptions = await readResumptions(objects, runId);
  for (const { attempt } of resumptions) {
    const later = resumptions.filter((resumption) => resumption.attempt > attempt);
    if (later.some((resumption) => resumption.step === null)) continue;
    for await (const chunk of chunksOf(objects, runId, attempt)) {
      if (from !== null && chunk.key < from) continue;
      const records = chunk.records.filter((record) => later.every((resumption) => isKept(record, resumption)));
      if (records.length > 0) yield { ...chunk, records };
    }
  }
}

const keyOf = ({ step, scope }: MetricRecord): string => `${step} ${scope}`;

const isKept = (record: MetricRecord, { step, madeAgain }: Resumption): boolean =>
  step !== null && record.step <= step && !madeAgain.has(keyOf(record));

async function readResumptions(objects: ObjectStore, runId: string): Promise<Resumption[]> {
  const resumptions: Resumption[] = [];
  for (const { attempt, resumedFromStep: step } of await readAttempts(objects, runId)) {
    const madeAgain = step === null ? new Set<string>() : await recordsUpTo(objects, runId, attempt, step);
    resumptions.push({ attempt, step, madeAgain });
  }
  return resumptions.sort((a, b) => a.attempt - b.attempt);
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
  const beforeAll = metricsKey(runId, attempt, 0).replace(/-\d+\.jsonl$/, '');
  for await (const chunk of chunksAfter(objects, runId, beforeAll)) {
    if (chunk.attempt !== attempt) return;
    yield chunk;
  }
}
