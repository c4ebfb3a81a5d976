import type { Services } from '../context/context';
import { limits } from '../shared/limits';
import { forgetAnswers, forgetChanges, forgetJobs, rowsPerDelete } from './prune.store';

const intervalMilliseconds = 3600 * 1000;
const dayMilliseconds = 24 * 3600 * 1000;

/** Of each table in one look; the next hour goes on. */
const mostDeletes = 20;

const prunedAt = new WeakMap<Services['database'], number>();

/** Prunes once an hour, and when a process begins: called with every look of the reconciler. */
export async function pruneIfDue(services: Pick<Services, 'database'>): Promise<void> {
  const last = prunedAt.get(services.database);
  if (last !== undefined && performance.now() - last < intervalMilliseconds) return;
  prunedAt.set(services.database, performance.now());
  await prune(services, new Date());
}

/** Deletes what the records keep for a time alone: everything older than `limits.keptDays`. */
export async function prune({ database }: Pick<Services, 'database'>, now: Date): Promise<void> {
  const before = new Date(now.getTime() - limits.keptDays * dayMilliseconds).toISOString();
  for (const forget of [forgetAnswers, forgetChanges, forgetJobs])
    for (let deletes = 0; deletes < mostDeletes; deletes += 1)
      if ((await forget(database, before)) < rowsPerDelete) break;
}
