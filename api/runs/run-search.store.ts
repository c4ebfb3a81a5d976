import { expressionBuilder, type Kysely, sql } from 'kysely';
import { ordered, type Place, pageQuery } from '../database/keyset';
import type { RunTable, Tables } from '../database/tables';
import { indexedIds, partsOf, partsTest, type RunIds, runTest } from './run-conditions';
import type { RunFilter, RunOrder } from './run-filter';
import { orderTerms, type Walk, walkOf } from './run-order';

export interface RunSearch {
  filter: RunFilter;
  order: readonly RunOrder[];
  limit: number;
  after: Place | null;
}

/** A run's id with the values of the order's terms, which a cursor is made of. */
export type RunPlace = { id: string } & Record<`key_${number}`, string | number | null>;

/** Rows of an index that are looked at before anything else is tried. */
const nearRows = 500;
/** So many runs are sorted sooner than an index is gone along. */
const fewRuns = 4000;
/** Looking a row up takes as long as reading so many that lie side by side. */
const lookUpCost = 4;
/** Of a condition that more runs pass nobody needs to know by how many. */
const countedAtMost = 1_000_000;

/**
 * The places of runs that pass a filter, in an order, behind a place: ids and keys alone, a spec is large. Among many
 * runs each of three ways is the quick one for some searches, and which one it is the engines cannot tell:
 *
 * - along the index of the order until the page is full, looking the conditions up: where many runs pass;
 * - from the runs that pass the most selective condition, which are then sorted: where few do;
 * - along the index with the ids of those that pass each condition at hand: where neither is so.
 *
 * So a piece of the first way is gone. It mostly fills the page; else what it found tells how long the rest would be.
 */
export async function findRunPlaces(database: Kysely<Tables>, search: RunSearch): Promise<RunPlace[]> {
  const { filter, order, limit, after } = search;
  const parts = partsOf(filter);
  // An index has the runs of an experiment, and they are few. A place among runs without a metric is on no index.
  const walk = parts.some(namesRuns) || after?.keys[0] === null ? null : walkOf(database, filter, order);
  if (walk === null) return sortedQuery(database, search, parts, await fewestPassing(database, parts)).execute();
  const near = await nearQuery(database, walk, search).execute();
  if (near.length >= limit) return near;
  const rowsLeft = near.length === 0 ? Number.POSITIVE_INFINITY : (nearRows * limit) / near.length;
  const fewest = await fewestPassing(database, parts);
  if (fewest !== null && fewest.count <= Math.min(fewRuns, rowsLeft))
    return sortedQuery(database, search, parts, fewest).execute();
  const isLong = fewest !== null && fewest.count < rowsLeft * lookUpCost;
  const found = await wholeQuery(walk, search, isLong).execute();
  if (found.length >= limit || walk.behind === null) return found;
  const behind = { ...search, limit: limit - found.length, after: null };
  return [...found, ...(await sortedQuery(database, behind, [...parts, walk.behind], fewest).execute())];
}

const namesRuns = ({ experimentId, id }: RunFilter): boolean =>
  [experimentId?.eq, experimentId?.in, id?.eq, id?.in].some((given) => given !== undefined);

/** Those that pass of the nearest rows of the index. */
function nearQuery(database: Kysely<Tables>, { rows, terms, id, parts }: Walk, { limit, after }: RunSearch) {
  const passing = database
    .selectFrom(pageQuery(rows, { terms, id, limit: nearRows, after }).as('near'))
    .innerJoin('run', 'run.id', 'near.id')
    .where(partsTest(expressionBuilder<Tables, 'run'>(), parts))
    .selectAll('near');
  return ordered(passing, terms, sql.ref('near.id')).limit(limit);
}

/** The whole way; where it is long with the ids of all runs that pass a condition at hand, instead of looking it up. */
export function wholeQuery({ rows, terms, id, parts }: Walk, { limit, after }: RunSearch, isLong: boolean) {
  const build = expressionBuilder<Tables, 'run'>();
  const tests = parts.map((part) => {
    const ids = isLong ? indexedIds(part) : null;
    return ids === null ? runTest(build, part) : build('run.id', 'in', ids);
  });
  return pageQuery(rows.where(build.and(tests)), { terms, id, limit, after });
}

/** A condition, and the ids of the runs that pass it. */
interface Candidates {
  part: RunFilter;
  ids: RunIds;
  count: number;
}

const without = (parts: readonly RunFilter[], candidates: Candidates | null): RunFilter[] =>
  parts.filter((part) => part !== candidates?.part);

/** The condition that the fewest runs pass, of those that an index answers. */
async function fewestPassing(database: Kysely<Tables>, parts: readonly RunFilter[]): Promise<Candidates | null> {
  let fewest: Candidates | null = null;
  for (const part of parts) {
    const ids = indexedIds(part);
    if (ids === null) continue;
    const { count } = await database
      .selectFrom(ids.limit(fewest === null ? countedAtMost : fewest.count).as('counted'))
      .select((build) => build.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    if (fewest === null || count < fewest.count) fewest = { part, ids, count };
  }
  return fewest;
}

/** All runs that pass, or those of the candidates that do, sorted. */
export function sortedQuery(
  database: Kysely<Tables>,
  { order, limit, after }: RunSearch,
  parts: readonly RunFilter[],
  candidates: Candidates | null,
) {
  const build = expressionBuilder<Tables, 'run'>();
  const query = database
    .selectFrom('run')
    .select('run.id')
    .$if(candidates !== null, (all) => all.where('run.id', 'in', candidates!.ids))
    .where(partsTest(build, without(parts, candidates)));
  return pageQuery(query, { terms: orderTerms(build, order), id: build.ref('run.id'), limit, after });
}

/** How many runs pass a filter. */
export async function countRuns(database: Kysely<Tables>, filter: RunFilter): Promise<number> {
  const { count } = await database
    .selectFrom('run')
    .select((build) => build.fn.countAll<number>().as('count'))
    .where((build) => runTest(build, filter))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Whole rows, in the order of the ids. */
export async function findRuns(database: Kysely<Tables>, ids: readonly string[]): Promise<RunTable[]> {
  if (ids.length === 0) return [];
  const rows = await database.selectFrom('run').selectAll().where('id', 'in', ids).execute();
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id)).filter((row) => row !== undefined);
}
