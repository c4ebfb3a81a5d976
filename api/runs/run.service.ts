import type { Problem } from '../../contract/run-spec';
import type { Services } from '../context/context';
import { filterProblems } from '../database/conditions';
import { decodeCursor, orderName, type Page, type PageRequest, pageOf, pageProblems } from '../database/keyset';
import type { RunTable } from '../database/tables';
import { badArguments } from '../shared/errors';
import type { RunFilter, RunOrder } from './run-filter';
import { keysOf } from './run-order.store';
import { countRuns, findRunPlaces, findRuns } from './run-search.store';

/** Newest experiments first, each in its own order. */
const defaultOrder: RunOrder[] = [
  { field: 'CREATED_AT', direction: 'DESC', nulls: 'LAST' },
  { field: 'POSITION', direction: 'ASC', nulls: 'LAST' },
];
const mostOrderTerms = 4;

export async function findRun({ database }: Services, id: string): Promise<RunTable | null> {
  return (await findRuns(database, [id]))[0] ?? null;
}

/**
 * A page of the runs that pass a filter.
 * @param columns those of their rows to read, `id` among them; all where null
 * @throws GraphQLError with all problems of the arguments
 */
export async function searchRuns(
  { database }: Services,
  filter: RunFilter,
  orderBy: readonly RunOrder[] | null,
  page: PageRequest,
  columns: readonly (keyof RunTable)[] | null = null,
): Promise<Page<RunTable> & { totalCount: () => Promise<number> }> {
  const order = orderBy === null || orderBy.length === 0 ? defaultOrder : orderBy;
  const name = orderName(['runs', order]);
  const keys = keysOf(order);
  const after = page.after == null ? null : decodeCursor(page.after, name, keys);
  const problems = [
    ...filterProblems(filter),
    ...orderProblems(order),
    ...pageProblems(page),
    ...(after?.kind === 'invalid' ? after.problems : []),
  ];
  if (problems.length > 0) throw badArguments(problems);
  const place = after?.kind === 'valid' ? after.value : null;
  // One more than the page, to know whether there is a next one.
  const rows = await findRunPlaces(database, { filter, order, limit: page.first + 1, after: place });
  const found = await findRuns(
    database,
    rows.slice(0, page.first).map(({ id }) => id),
    columns,
  );
  const nodes = new Map(found.map((run) => [run.id, run]));
  return {
    ...pageOf(rows, nodes, { order: name, terms: keys.length, first: page.first }),
    totalCount: () => countRuns(database, filter),
  };
}

function orderProblems(order: readonly RunOrder[]): Problem[] {
  if (order.length > mostOrderTerms)
    return [{ path: 'orderBy', message: `${order.length} terms, at most ${mostOrderTerms} are allowed` }];
  return order.flatMap(({ field, parameter, metric }, place) => {
    const given = [field, parameter, metric].filter((by) => by != null && by !== '').length;
    const message = `names ${given} of field, parameter and metric: give exactly one`;
    return given === 1 ? [] : [{ path: `orderBy.${place}`, message }];
  });
}
