import { LRUCache } from 'lru-cache';
import type { ChangeTopic, RunChanges } from '../context/context';
import { topicName } from './run-changes';

/** What a read behind a position found, and the position behind that. */
export interface Found<Position, Event> {
  events: Event[];
  position: Position;
  /** Nothing will ever come behind the position. */
  over: boolean;
}

/** A log of events that many follow, each from a position of their own. */
export interface Log<Position, Event> {
  topic: ChangeTopic;
  /** The position as text: equal texts, equal events behind it. */
  keyOf(position: Position): string;
  /** Reads a bounded number of events behind a position. */
  read(position: Position): Promise<Found<Position, Event>>;
  /** Bytes of the events in memory, where a later read behind the same position finds the same ones first. Else null. */
  lastingBytes(events: readonly Event[]): number | null;
}

/** A hint may be lost, so nobody is answered by a read older than this, though nothing was announced since. */
const freshMilliseconds = 2_500;
const mostPositions = 10_000;
/** Events of all logs that are kept for those who come later. */
const keptBytes = 32 * 2 ** 20;

interface SharedReads {
  underway: LRUCache<string, { hint: number; startedAt: number; found: Promise<Found<unknown, unknown>> }>;
  kept: LRUCache<string, Found<unknown, unknown>>;
}

/** One set for all that is announced in a process. */
const readsByChanges = new WeakMap<RunChanges, SharedReads>();

/**
 * Reads a log behind a position, once for all who ask at a time: a read is shared by those who come from its start to
 * the next hint about its topic. Followers who stand at the same position get the same event objects, so that whatever
 * is made of an event can be made once as well.
 */
export async function readShared<Position, Event>(
  changes: RunChanges,
  log: Log<Position, Event>,
  position: Position,
): Promise<Found<Position, Event>> {
  const hint = changes.newestHint(log.topic);
  if (hint === null) return log.read(position);
  const { underway, kept } = sharedReadsOf(changes);
  const key = `${topicName(log.topic)} ${log.keyOf(position)}`;
  const known = kept.get(key);
  if (known !== undefined) return known as Found<Position, Event>;
  const latest = underway.get(key);
  if (latest?.hint === hint && performance.now() - latest.startedAt < freshMilliseconds)
    return latest.found as Promise<Found<Position, Event>>;
  const found = log.read(position);
  const started = { hint, startedAt: performance.now(), found };
  underway.set(key, started);
  try {
    const result = await found;
    const bytes = result.events.length === 0 ? null : log.lastingBytes(result.events);
    if (bytes !== null) kept.set(key, result, { size: bytes + key.length });
    return result;
  } catch (error) {
    // The next who asks tries again.
    if (underway.get(key) === started) underway.delete(key);
    throw error;
  }
}

function sharedReadsOf(changes: RunChanges): SharedReads {
  let reads = readsByChanges.get(changes);
  if (reads === undefined) {
    reads = {
      underway: new LRUCache({ max: mostPositions, ttl: freshMilliseconds, ttlAutopurge: false }),
      kept: new LRUCache({ maxSize: keptBytes }),
    };
    readsByChanges.set(changes, reads);
  }
  return reads;
}
