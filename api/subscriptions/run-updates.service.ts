import type { Kysely } from 'kysely';
import type { Services } from '../context';
import type { RunTable, Tables } from '../database/tables';
import { badArguments, notFound } from '../errors';
import { parseRunCursor, type RunCursor, runCursor } from './cursors';
import { type Followed, follow, type NewEvents } from './follow';

/** A run as it is after a change. */
export interface RunUpdate {
  cursor: string;
  run: RunTable;
}

const runsPerRead = 50;

/**
 * Follows the runs of an experiment: every run that changed behind `after` as it is now (without `after`: every run),
 * then every change as it comes. Changes of one run that follow each other faster than they are read become one.
 * @throws GraphQLError BAD_USER_INPUT for an experiment that does not exist, or a cursor of something else
 */
export async function followRuns(
  services: Services,
  experimentId: string,
  after: string | null,
): Promise<Followed<RunUpdate>> {
  const start = after === null ? { updatedAt: '', runId: '' } : parseRunCursor(after);
  if (start === null)
    throw badArguments([{ path: 'after', message: `"${after}" is no cursor of runUpdated: pass one as you got it` }]);
  const { database } = services;
  const experiment = await database.selectFrom('experiment').select('id').where('id', '=', experimentId).execute();
  if (experiment.length === 0) throw badArguments(notFound('experimentId', 'experiment', experimentId).problems);
  let position: RunCursor = start;
  const late = lateChanges(database, experimentId);

  return follow(services.changes, { experimentId }, async (): Promise<NewEvents<RunUpdate>> => {
    const { updatedAt, runId } = position;
    const runs = await database
      .selectFrom('run')
      .selectAll()
      .where('experiment_id', '=', experimentId)
      .where((where) =>
        where.or([
          where('updated_at', '>', updatedAt),
          where.and([where('updated_at', '=', updatedAt), where('id', '>', runId)]),
        ]),
      )
      .orderBy('updated_at')
      .orderBy('id')
      .limit(runsPerRead)
      .execute();
    const events = runs.map(updateOf);
    const last = runs.at(-1);
    if (last !== undefined) position = { updatedAt: last.updated_at, runId: last.id };
    late.know(runs);
    if (runs.length === runsPerRead) return { events, over: false };
    return { events: [...events, ...(await late.read(position.updatedAt)).map(updateOf)], over: false };
  });
}

const updateOf = (run: RunTable): RunUpdate => ({
  cursor: runCursor({ updatedAt: run.updated_at, runId: run.id }),
  run,
});

/** Transactions that began earlier may end later; one of them takes less than this. */
const lateMilliseconds = 10_000;

/**
 * Changes that came to be seen behind the position, because transactions at one time (PostgreSQL) end in another order
 * than that of their times. What was there at the first look is taken for given.
 */
function lateChanges(database: Kysely<Tables>, experimentId: string) {
  let known: Map<string, number> | null = null;
  return {
    know(runs: readonly RunTable[]) {
      for (const { id, revision } of runs) known?.set(id, revision);
    },
    async read(position: string): Promise<RunTable[]> {
      if (position === '') return [];
      const runs = await database
        .selectFrom('run')
        .selectAll()
        .where('experiment_id', '=', experimentId)
        .where('updated_at', '>', new Date(Date.parse(position) - lateMilliseconds).toISOString())
        .where('updated_at', '<=', position)
        .orderBy('updated_at')
        .execute();
      const missed = known === null ? [] : runs.filter(({ id, revision }) => known?.get(id) !== revision);
      known = new Map(runs.map(({ id, revision }) => [id, revision]));
      return missed;
    },
  };
}
