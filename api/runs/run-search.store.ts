import { expressionBuilder, type Kysely, type SelectQueryBuilder, type SqlBool, sql } from 'kysely';
import { engineOf } from '../database/engine';
import { ordered, type Place, pageQuery } from '../database/keyset';
import type { RunTable, Tables } from '../database/tables';
import { indexedIds, partsOf, partsTest, type RunIds, runTest } from './run-conditions.store';
import type { RunFilter, RunOrder } from './run-filter';
import { areDetails, orderTerms, type Walk, walkOf } from './run-order.store';

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
/** Looking a row up takes a server as long as reading so many that lie side by side. */
const lookUpCost = 4;

/**
 * Up to how many runs `sorted` is quicker than an index, and how many ids are `held` at hand. What SQLite looks up is in
 * the process: it needs none at hand, and gains more from runs that are gone `through` in the order of their ids, as
 * the index has what is looked up. A server takes microseconds to look a run up, unless in a table of hashes, which it
 * makes where it is sure to fit into its `work_mem` (4 MB if nobody changed that): that is what `heldLimit` is for.
 */
const ways = {
  sqlite: { sorted: 30_000, through: 5000, held: 0 },
  server: { sorted: 2000, through: Number.POSITIVE_INFINITY, held: 60_000 },
} as const;
const heldLimit = 70_000;

/**
 * The places of runs that pass a filter, in an order, behind a place: ids and keys alone, a spec is large. Among many
 * runs each of three ways is the quick one for some searches, and which one it is the engines cannot tell:
 *
 * - along the index of the order until the page is full, looking the conditions up: where many runs pass;
 * - from the runs that pass the most selective condition, which are then sorted: where few do;
 * - along the index with the ids of those that pass a condition at hand: where neither is so.
 *
 * So a piece of the first way is gone. It mostly fills the page; else what it found tells how long the rest would be.
 */
export async function findRunPlaces(database: Kysely<Tables>, search: RunSearch): Promise<RunPlace[]> {
  const { filter, order, limit, after } = search;
  const parts = partsOf(filter);
  // An index has the runs of an experiment, and they are few. A place among runs without a metric is on no index.
  const walk = parts.some(namesRuns) || after?.keys[0] === null ? null : walkOf(database, parts, order);
  const way = ways[engineOf(database)];
  if (walk === null) return sortedQuery(database, search, parts, fewest(await countPassing(database, parts))).execute();
  // Where all rows of the index pass, the first ones are the page.
  if (walk.parts.length === 0 && walk.behind === null) return wholeQuery(walk, search, null).execute();
  const near = await nearQuery(database, walk, search).execute();
  if (near.length >= limit) return near;
  const rowsLeft = near.length === 0 ? Number.POSITIVE_INFINITY : Math.ceil((nearRows * limit) / near.length);
  const candidates = await countPassing(database, await mostRejectingFirst(database, walk, search, parts));
  const few = fewest(candidates);
  if (few !== null && few.count <= Math.min(way.sorted, rowsLeft))
    return sortedQuery(database, search, parts, few).execute();
  const found = await wholeQuery(walk, search, heldOf(candidates[0], rowsLeft, way)).execute();
  if (found.length >= limit || walk.behind === null) return found;
  const behind = { ...search, limit: limit - found.length, after: null };
  return [...found, ...(await sortedQuery(database, behind, [...parts, walk.behind], few).execute())];
}

const namesRuns = ({ experimentId, id }: RunFilter): boolean =>
  [experimentId?.eq, experimentId?.in, id?.eq, id?.in].some((given) => given !== undefined);

/** The nearest rows of the index, as runs. */
function nearRuns(database: Kysely<Tables>, { rows, terms, id, parts }: Walk, { order, after }: RunSearch) {
  const near = pageQuery(rows, { terms, id, limit: nearRows, after });
  const runs = areDetails(parts, order.slice(1))
    ? database.selectFrom(near.as('run'))
    : database.selectFrom(near.as('near')).innerJoin('run', 'run.id', 'near.id');
  return runs as unknown as SelectQueryBuilder<Tables, 'run', object>;
}

/** Those that pass of the nearest rows of the index. */
function nearQuery(database: Kysely<Tables>, walk: Walk, search: RunSearch) {
  const keys = walk.terms.map((_, at) => sql.ref<string | number | null>(`key_${at}`).as(`key_${at}` as const));
  const build = expressionBuilder<Tables, 'run'>();
  // `is true` has PostgreSQL look every row up: a join with all runs that pass looks cheaper to it than it is.
  const tests = walk.parts.map((part) => sql<SqlBool>`(${runTest(build, part)}) is true`);
  const passing = nearRuns(database, walk, search)
    .where(build.and(tests))
    .select(['run.id', ...keys]);
  return ordered(passing, walk.terms, sql.ref('run.id')).limit(search.limit) as unknown as SelectQueryBuilder<
    Tables,
    'run',
    RunPlace
  >;
}

/** The conditions that an index answers, first the one that the fewest of the nearest rows pass. */
async function mostRejectingFirst(
  database: Kysely<Tables>,
  walk: Walk,
  search: RunSearch,
  parts: readonly RunFilter[],
): Promise<RunFilter[]> {
  // The index of the order begins and ends where its own conditions do.
  const indexed = parts.filter((part) => walk.parts.includes(part) && indexedIds(part) !== null);
  const own = parts.filter((part) => !walk.parts.includes(part));
  if (indexed.length < 2) return [...indexed, ...own];
  const build = expressionBuilder<Tables, 'run'>();
  const passing = indexed.map((part, at) =>
    sql<number>`count(case when ${runTest(build, part)} then 1 end)`.as(`part_${at}`),
  );
  const counts: Record<string, number> = await nearRuns(database, walk, search)
    .select(passing)
    .executeTakeFirstOrThrow();
  const passes = new Map(indexed.map((part, at) => [part, counts[`part_${at}`]!]));
  return [...indexed.sort((a, b) => passes.get(a)! - passes.get(b)!), ...own];
}

/** Ids of runs that lie side by side: those that pass a condition, or those with other values, which do not. */
export interface Candidates {
  part: RunFilter;
  passing: boolean;
  ids: RunIds;
  /** Of more than any way takes nobody needs to know by how many. */
  count: number;
}

/** The whole way; with ids at hand of the runs that pass a condition or fail it, or looking all of them up. */
export function wholeQuery({ rows, terms, id, parts }: Walk, { limit, after }: RunSearch, held: Candidates | null) {
  const build = expressionBuilder<Tables, 'run'>();
  const tests = parts.flatMap((part) => {
    if (part !== held?.part) return [runTest(build, part)];
    // `is true` keeps PostgreSQL from making a join of it, which it would go through one look-up after the other.
    const isHeld = build('run.id', 'in', held.ids.limit(heldLimit));
    return held.passing
      ? [sql<SqlBool>`(${isHeld}) is true`]
      : [sql<SqlBool>`(${isHeld}) is not true`, runTest(build, part)];
  });
  return pageQuery(rows.where(build.and(tests)), { terms, id, limit, after });
}

/**
 * The ids to have at hand for a condition: of those that pass; of those that fail where more pass than can be held, as
 * far as they go, since who is not among them is looked up.
 * @param rows of the index that are still to be gone along
 */
function heldOf(candidates: Candidates | undefined, rows: number, { held }: { held: number }): Candidates | null {
  const worthIt = rows * lookUpCost;
  if (candidates === undefined || held === 0) return null;
  if (candidates.count <= Math.min(held, worthIt)) return candidates;
  const { part, count } = candidates;
  return count > held && worthIt >= held ? { part, passing: false, ids: indexedIds(part, false)!, count } : null;
}

/** How many runs pass each condition that an index answers: of the first as many as can be held, else as are sorted. */
async function countPassing(database: Kysely<Tables>, parts: readonly RunFilter[]): Promise<Candidates[]> {
  const { sorted, held } = ways[engineOf(database)];
  const candidates: Candidates[] = [];
  for (const part of parts) {
    const ids = indexedIds(part);
    if (ids === null) continue;
    const most = candidates.length === 0 ? Math.max(sorted, held) : sorted;
    candidates.push({ part, passing: true, ids, count: await countUpTo(database, ids, most + 1) });
  }
  return candidates;
}

async function countUpTo(database: Kysely<Tables>, ids: RunIds, most: number): Promise<number> {
  const { count } = await database
    .selectFrom(ids.limit(most).as('counted'))
    .select((build) => build.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** The condition that the fewest runs pass. */
const fewest = (candidates: readonly Candidates[]): Candidates | null =>
  candidates.reduce<Candidates | null>((least, one) => (least === null || one.count < least.count ? one : least), null);

/** All runs that pass, or those of the candidates that do, sorted. */
export function sortedQuery(
  database: Kysely<Tables>,
  { order, limit, after }: RunSearch,
  parts: readonly RunFilter[],
  candidates: Candidates | null,
) {
  const build = expressionBuilder<Tables, 'run'>();
  const others = parts.filter((part) => part !== candidates?.part);
  const query = candidateRuns(database, candidates, areDetails(others, order)).where(partsTest(build, others));
  return pageQuery(query, { terms: orderTerms(build, order), id: build.ref('run.id'), limit, after });
}

/** @param detailsAlone whether nothing is asked of the rows of the runs */
function candidateRuns(database: Kysely<Tables>, candidates: Candidates | null, detailsAlone: boolean) {
  const runs = database.selectFrom('run').select('run.id');
  if (candidates === null) return runs;
  const ids = limitedIds(candidates, ways[engineOf(database)]);
  return detailsAlone
    ? (database.selectFrom(ids.as('run')).select('run.id') as unknown as typeof runs)
    : runs.where('run.id', 'in', ids);
}

/**
 * A limit that the ids never come to has them looked for first, and tells PostgreSQL that they are few, which its
 * statistics, of all metrics together, do not. SQLite keeps the order of a subquery that has one.
 */
function limitedIds({ ids, count }: Candidates, { sorted, through }: { sorted: number; through: number }): RunIds {
  if (count > through) return ids.orderBy('id').limit(Number.MAX_SAFE_INTEGER);
  return count > sorted ? ids : ids.limit(2 * count + nearRows);
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

/** Rows in the order of the ids. @param columns those to read, `id` among them; the rows are without others */
export async function findRuns(
  database: Kysely<Tables>,
  ids: readonly string[],
  columns: readonly (keyof RunTable)[] | null = null,
): Promise<RunTable[]> {
  if (ids.length === 0) return [];
  const query = database.selectFrom('run').where('id', 'in', ids);
  const rows = await (columns === null ? query.selectAll() : query.select(columns)).execute();
  const byId = new Map((rows as RunTable[]).map((row) => [row.id, row]));
  return ids.map((id) => byId.get(id)).filter((row) => row !== undefined);
}
