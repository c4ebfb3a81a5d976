import type { MetricRecord } from '../../contract/records';
import { isOver } from '../../contract/run-states';
import type { Services } from '../context/context';
import { chunksAfter, type MetricChunk, readAttempts } from '../ingest/run-objects';
import { findRunState } from '../runs/run.store';
import { badArguments, notFound } from '../shared/errors';
import { type MetricCursor, metricCursor, parseMetricCursor, positionBefore } from './cursors';
import { type Followed, followLog } from './follow';
import type { Found, Log } from './shared-reads';

/** Metric records of one chunk, or of a part of it where the chunk is large. */
export interface MetricUpdate {
  cursor: string;
  runId: string;
  attempt: number;
  resumedFromStep: number | null;
  records: MetricRecord[];
}

/** JSON of the records of one event, in bytes: with its envelope it stays well below the largest message. */
const eventBytes = 16_000;
/** Values of one record in one event; a run with many classes has thousands in a record. */
const valuesPerPiece = 100;
const chunksPerRead = 20;

/**
 * Follows the metrics of a run from `after` on, or from its first record: what is stored, then what is being written.
 * Ends when the run is over and everything was given.
 * @throws GraphQLError BAD_USER_INPUT for a run that does not exist, or a cursor of something else
 */
export async function followMetrics(
  services: Services,
  runId: string,
  after: string | null,
): Promise<Followed<MetricUpdate>> {
  const start = after === null ? { attempt: 0, sequence: 0, parts: 0 } : parseMetricCursor(after);
  if (start === null)
    throw badArguments([
      { path: 'after', message: `"${after}" is no cursor of metricsLogged: pass one as you got it` },
    ]);
  if ((await findRunState(services.database, runId)) === null)
    throw badArguments(notFound('runId', 'run', runId).problems);
  return followLog(services.changes, metricLog(services, runId), start);
}

/** Chunks are written once and never changed, so what a read behind a cursor found stays true. */
function metricLog(services: Services, runId: string): Log<MetricCursor, MetricUpdate> {
  return {
    topic: { runId },
    keyOf: metricCursor,
    read: (position) => readUpdates(services, runId, position),
    lastingBytes: (events) => events.reduce((sum, { records }) => sum + bytesOf(records), 0),
  };
}

async function readUpdates(
  services: Services,
  runId: string,
  start: MetricCursor,
): Promise<Found<MetricCursor, MetricUpdate>> {
  // The state is read before the chunks: a run that was over then has written its last chunk.
  const state = await findRunState(services.database, runId);
  const attempts = await readAttempts(services.objects, runId);
  const events: MetricUpdate[] = [];
  let position = start;
  let chunks = 0;
  for await (const chunk of chunksAfter(services.objects, runId, positionBefore(runId, position))) {
    if (chunks === chunksPerRead) return { events, position, over: false };
    const attempt = attempts.find((candidate) => candidate.attempt === chunk.attempt);
    if (attempt === undefined) return { events, position, over: false };
    events.push(...updatesOf(runId, chunk, attempt.resumedFromStep, position));
    position = { attempt: chunk.attempt, sequence: chunk.sequence, parts: Number.MAX_SAFE_INTEGER };
    chunks += 1;
  }
  // A run that is over may be retried: that it is over is read anew, behind its last event.
  return { events, position, over: events.length === 0 && (state === null || isOver(state)) };
}

/** The events of a chunk, without the parts that the position has behind it. */
function updatesOf(runId: string, chunk: MetricChunk, resumedFromStep: number | null, position: MetricCursor) {
  const { attempt, sequence } = chunk;
  const given = position.attempt === attempt && position.sequence === sequence ? position.parts : 0;
  return partsOf(chunk.records)
    .map((records, place) => ({
      cursor: metricCursor({ attempt, sequence, parts: place + 1 }),
      runId,
      attempt,
      resumedFromStep,
      records,
    }))
    .slice(given);
}

/** The records of a chunk in parts that fit into a message; always the same parts for the same chunk. */
export function partsOf(records: readonly MetricRecord[]): MetricRecord[][] {
  const parts: MetricRecord[][] = [];
  let bytes = eventBytes;
  for (const piece of records.flatMap(piecesOf)) {
    const size = sizeOf(piece);
    if (bytes + size > eventBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(piece);
    bytes += size;
  }
  return parts;
}

/** A record with many values as several with the same step, each with some of the values. */
function piecesOf(record: MetricRecord): MetricRecord[] {
  const values = Object.entries(record.values);
  const pieces: MetricRecord[] = [];
  for (let start = 0; start < values.length; start += valuesPerPiece)
    pieces.push({ ...record, values: Object.fromEntries(values.slice(start, start + valuesPerPiece)) });
  return pieces;
}

/** As it travels: every value with the words `name` and `value`. */
const sizeOf = ({ values }: MetricRecord): number =>
  100 + Object.entries(values).reduce((sum, [name, value]) => sum + JSON.stringify({ name, value }).length + 1, 0);

/** Of the records in memory: a value takes its name's reference, its number and a slot. */
const bytesOf = (records: readonly MetricRecord[]): number =>
  records.reduce((sum, { values }) => sum + 200 + 50 * Object.keys(values).length, 0);
