import type { Services } from '../../api/context/context';
import { searchRuns } from '../../api/runs/run.service';
import type { Reducer, RunFilter, RunOrder } from '../../api/runs/run-filter';
import { isHigherBetter, metricNames, oneOf, parameterValues, randomNumbers } from './many-runs';
import { type Spent, type Stopwatch, stopwatch } from './stopwatch';

const pageSize = 100;
const reducers: Record<Kind, Reducer[]> = {
  best: ['LAST', 'BEST'],
  worst: ['LAST', 'BEST'],
  other: ['MIN', 'MAX', 'MEAN'],
};

type Kind = 'best' | 'worst' | 'other';

interface Search {
  filter: RunFilter;
  order: RunOrder[];
  /** Pages turned before the one that is measured. */
  pages: number;
}

/**
 * Searches of every selectivity: runs on one side of any value of a metric, with a hyper-parameter, a page of them in
 * an order. `best`: the good side, best or newest first. `worst`: the good side of one metric, the worst of another
 * first, so that what is wanted lies at the far end of the order. `other`: as `best`, by the
 * least, greatest or mean value.
 */
export function searches(kind: Kind, count: number): Search[] {
  const random = randomNumbers(2);
  return Array.from({ length: count }, () => {
    const name = oneOf(metricNames, random);
    const bound = 0.8 * random();
    const value = isHigherBetter(name) ? { gt: bound } : { lt: 1 - bound };
    return {
      filter: { metric: { name, reducer: oneOf(reducers[kind], random), value }, parameter: anyParameter(random) },
      order: [anyOrder(kind, random)],
      pages: kind === 'worst' ? 0 : oneOf([0, 0, 1, 3], random),
    };
  });
}

function anyParameter(random: () => number): NonNullable<RunFilter['parameter']> {
  const name = oneOf(Object.keys(parameterValues) as (keyof typeof parameterValues)[], random);
  const value = oneOf<string | number>(parameterValues[name], random);
  if (typeof value === 'string') return { name, text: { eq: value } };
  return { name, number: random() < 0.5 ? { eq: value } : { gte: value } };
}

function anyOrder(kind: Kind, random: () => number): RunOrder {
  const name = oneOf(metricNames, random);
  const nulls = 'LAST';
  if (kind === 'best' && random() < 0.25) return { field: 'CREATED_AT', direction: 'DESC', nulls };
  const direction = isHigherBetter(name) === (kind !== 'worst') ? 'DESC' : 'ASC';
  return { metric: { name, reducer: oneOf(reducers[kind], random) }, direction, nulls };
}

/** What each search takes; the pages turned before do not count. */
export async function measureSearches(services: Services, wanted: readonly Search[]): Promise<Spent[]> {
  const clock = await stopwatch(services.database);
  const spent: Spent[] = [];
  for (const search of wanted) spent.push(await measureSearch(services, search, clock));
  return spent;
}

async function measureSearch(services: Services, { filter, order, pages }: Search, clock: Stopwatch): Promise<Spent> {
  let after: string | null = null;
  for (let page = 0; ; page++) {
    const stop = clock();
    const found = await searchRuns(services, filter, order, { first: pageSize, after });
    const spent = stop();
    if (page === pages || !found.hasNextPage) return spent;
    after = found.edges.at(-1)!.cursor;
  }
}
