import type { Services } from '../context/context';
import type { RunTable } from '../database/tables';
import { hasExperiment } from '../experiments/experiment.store';
import { badArguments, notFound } from '../shared/errors';
import { parseRunCursor, type RunCursor, runCursor } from './cursors';
import { type Followed, followLog } from './follow';
import { findChangedRuns } from './run-change.store';
import type { Log } from './shared-reads';

/** A run as it is after a change. */
export interface RunUpdate {
  cursor: string;
  run: RunTable;
}

const runsPerRead = 50;

/**
 * Follows the runs of an experiment: every run that changed behind `after` as it is now (without `after`: every run),
 * then every change as it comes. Changes of one run that follow each other faster than they are read become one. No
 * change is seen behind a later one (`findChangedRuns`), so everything before a cursor was given.
 * @throws GraphQLError BAD_USER_INPUT for an experiment that does not exist, or a cursor of something else
 */
export async function followRuns(
  services: Services,
  experimentId: string,
  after: string | null,
): Promise<Followed<RunUpdate>> {
  const start = after === null ? { changedAt: '', runId: '' } : parseRunCursor(after);
  if (start === null)
    throw badArguments([{ path: 'after', message: `"${after}" is no cursor of runUpdated: pass one as you got it` }]);
  const { database } = services;
  if (!(await hasExperiment(database, experimentId)))
    throw badArguments(notFound('experimentId', 'experiment', experimentId).problems);
  const log: Log<RunCursor, RunUpdate> = {
    topic: { experimentId },
    keyOf: runCursor,
    async read(position) {
      const changed = await findChangedRuns(database, experimentId, position, runsPerRead);
      const events = changed.map(({ place, run }) => ({ cursor: runCursor(place), run }));
      return { events, position: changed.at(-1)?.place ?? position, over: false };
    },
    // A run that changes again moves on to a later place.
    lastingBytes: () => null,
  };
  return followLog(services.changes, log, start);
}
