import type { RunChanges } from '../context/context';
import type { Database } from '../database/database';
import { findLastChangeTime, findRunsChangedSince } from '../runs/run.store';

/** Between two looks: what a subscriber waits at most for a change by another server. */
const lookMilliseconds = 1_000;
/** Transactions that began earlier may end later; one of them takes less than this. */
const overlapMilliseconds = 10_000;
const rowsPerLook = 2_000;

/**
 * Announces the changes of runs that other servers made, by looking at the records every second while anybody listens.
 * @returns stops it
 */
export function watchRuns(database: Database, changes: RunChanges, log: (line: string) => void): () => void {
  /** Revisions of the runs that changed lately. */
  let known = new Map<string, number>();
  let busy = false;
  const look = async () => {
    if (changes.listeners() === 0) return known.clear();
    const since = new Date((await findLastChangeTime(database)) - overlapMilliseconds).toISOString();
    const changed = await findRunsChangedSince(database, since, rowsPerLook);
    for (const { id, experiment_id, revision } of changed)
      if (known.get(id) !== revision) changes.runChanged(experiment_id, id);
    known = new Map(changed.map(({ id, revision }) => [id, revision]));
  };
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    look()
      .catch((error: Error) => log(`looking for changes by other servers failed, and is tried again: ${error.message}`))
      .finally(() => {
        busy = false;
      });
  }, lookMilliseconds);
  return () => clearInterval(timer);
}
