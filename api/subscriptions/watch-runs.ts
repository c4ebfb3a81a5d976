import type { Kysely } from 'kysely';
import type { Tables } from '../database/tables';
import type { RunChanges } from '../shared/context';

/** Between two looks: what a subscriber waits at most for a change by another server. */
const lookMilliseconds = 1_000;
/** Transactions that began earlier may end later; one of them takes less than this. */
const overlapMilliseconds = 10_000;
const rowsPerLook = 2_000;

/**
 * Announces the changes of runs that other servers made, by looking at the records every second while anybody listens.
 * @returns stops it
 */
export function watchRuns(database: Kysely<Tables>, changes: RunChanges, log: (line: string) => void): () => void {
  /** Revisions of the runs that changed lately. */
  let known = new Map<string, number>();
  let busy = false;
  const look = async () => {
    if (changes.listeners() === 0) return known.clear();
    const since = new Date((await newestChange(database)) - overlapMilliseconds).toISOString();
    const changed = await database
      .selectFrom('run')
      .select(['id', 'experiment_id', 'revision'])
      .where('updated_at', '>', since)
      .orderBy('updated_at', 'desc')
      .limit(rowsPerLook)
      .execute();
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

async function newestChange(database: Kysely<Tables>): Promise<number> {
  const newest = await database
    .selectFrom('run')
    .select('updated_at')
    .orderBy('updated_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return newest === undefined ? 0 : Date.parse(newest.updated_at);
}
