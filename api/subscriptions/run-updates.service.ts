import type { RunTable } from '../database/tables';
import type { Services } from '../shared/context';
import { badArguments, notFound } from '../shared/errors';
import { parseRunCursor, type RunCursor, runCursor } from './cursors';
import { type Followed, follow, type NewEvents } from './follow';
import { findChangedRuns } from './run-change.store';

/** A run as it is after a change. */
export interface RunUpdate {
  cursor: string;
  run: RunTable;
}

const runsPerRead = 50;

/**
 * Follows the runs of an experiment: every run that changed behind `after` as it is now (without `after`: every run),
 * then every change as it comes. Changes of one run that follow each other faster than they are read become one. None
 * is seen behind a later one (`findChangedRuns`), so a cursor has everything before it.
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
  const experiment = await database.selectFrom('experiment').select('id').where('id', '=', experimentId).execute();
  if (experiment.length === 0) throw badArguments(notFound('experimentId', 'experiment', experimentId).problems);
  let position: RunCursor = start;

  return follow(services.changes, { experimentId }, async (): Promise<NewEvents<RunUpdate>> => {
    const changed = await findChangedRuns(database, experimentId, position, runsPerRead);
    position = changed.at(-1)?.place ?? position;
    return { events: changed.map(({ place, run }) => ({ cursor: runCursor(place), run })), over: false };
  });
}
