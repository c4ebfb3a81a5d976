import type { ChangeTopic, RunChanges } from '../context/context';
import { type Log, readShared } from './shared-reads';

/** What is there behind the position reached; `over`: nothing will ever come after it. */
export interface NewEvents<T> {
  events: T[];
  over: boolean;
}

/** A hint may be lost (another process wrote): then the next look finds what it told. */
const lookMilliseconds = 5_000;

/** Events of a topic, one after the other. `over`: nothing will ever come; `idle`: nothing for now, and nobody waits. */
export interface Followed<T> extends AsyncIterableIterator<T, 'over' | 'idle' | undefined> {
  readonly topic: ChangeTopic;
}

/**
 * Events in order, without gaps or repeats: reads on behind its own position, yields what it finds, and waits for a
 * hint when there is nothing, or ends where nobody can wait. Nothing is buffered, so a slow consumer slows its own
 * reading and costs nothing else. A consumer that leaves ends the wait and the listening at once.
 * @param readOn reads a bounded number of events behind the position and moves it
 */
export function follow<T>(changes: RunChanges, topic: ChangeTopic, readOn: () => Promise<NewEvents<T>>): Followed<T> {
  let left = false;
  let hinted = false;
  let wakeUp: () => void = () => {};

  const wait = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lookMilliseconds);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  async function* read(): AsyncGenerator<T, 'over' | 'idle' | undefined> {
    // Listening comes before reading: what changes during a read is found by the next one.
    const unlisten = changes.listen(topic, () => {
      hinted = true;
      wakeUp();
    });
    try {
      while (!left) {
        hinted = false;
        const { events, over } = await readOn();
        yield* events;
        if (over) return 'over';
        if (events.length > 0 || hinted || left) continue;
        if (unlisten === null) return 'idle';
        await wait();
      }
    } finally {
      unlisten?.();
    }
    return undefined;
  }

  const events = read();
  return {
    topic,
    next: () => events.next(),
    // The generator's own `return` would wait for the wait.
    return() {
      left = true;
      wakeUp();
      return events.return(undefined);
    },
    throw: (error) => events.throw(error),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Follows a log from a position on; those who follow the same log share its reads. */
export function followLog<Position, Event>(
  changes: RunChanges,
  log: Log<Position, Event>,
  start: Position,
): Followed<Event> {
  let position = start;
  return follow(changes, log.topic, async () => {
    const found = await readShared(changes, log, position);
    position = found.position;
    return found;
  });
}
