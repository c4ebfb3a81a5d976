import { type Expression, expressionBuilder, type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import type { KeyOf, OrderTerm } from '../database/keyset';
import type { Tables } from '../database/tables';
import { isDetail, metricOfRun, metricPasses, parameterOfRun, type RunBuild, reduced } from './run-conditions.store';
import { type Reducer, type RunFilter, type RunOrder, runOrderFields } from './run-filter';

/** The terms of an order. A hyper-parameter gives two: numbers in their order, then texts in theirs. */
export function orderTerms(build: RunBuild, order: readonly RunOrder[]): OrderTerm[] {
  return order.flatMap(({ field, parameter, metric, direction, nulls }): OrderTerm[] => {
    const how = { descending: direction === 'DESC', nullsFirst: nulls === 'FIRST' };
    if (field) {
      const { column, nullable } = runOrderFields[field];
      return [{ ...how, value: build.ref(`run.${column}`), nullable }];
    }
    if (parameter)
      return (['number', 'text'] as const).map((column) => ({
        ...how,
        nullable: true,
        value: parameterOfRun(build.ref('run.id'), parameter).select(`parameter_of_run.${column}`),
      }));
    const { name, reducer } = metric ?? { name: '', reducer: 'LAST' };
    const value = metricOfRun(build.ref('run.id'), name).select(reduced(reducer, 'metric_of_run').as('value'));
    return [{ ...how, nullable: true, value }];
  });
}

/** What the cursors of an order have in the place of each of its terms. */
export const keysOf = (order: readonly RunOrder[]): KeyOf[] =>
  order.flatMap(({ field, parameter }): KeyOf[] => {
    if (field) return [runOrderFields[field]];
    const number = { key: 'number', nullable: true } as const;
    return parameter ? [number, { key: 'text', nullable: true }] : [number];
  });

/** Whether an order and some parts of a filter are about nothing that is in the row of a run. */
export const areDetails = (parts: readonly RunFilter[], order: readonly RunOrder[]): boolean =>
  parts.every(isDetail) && order.every(({ field }) => field == null);

/** The way along an index that has the runs in an order. */
export interface Walk {
  /** The rows of the index, as `run` or joined with it. */
  rows: SelectQueryBuilder<Tables, 'run', { id: string }>;
  terms: OrderTerm[];
  id: Expression<string>;
  /** What of the filter is to be looked up elsewhere. */
  parts: readonly RunFilter[];
  /** What further holds for runs that are not on the index and come behind it; null where none can pass. */
  behind: RunFilter | null;
}

/** The way along the index of an order; null where there is none. */
export function walkOf(database: Kysely<Tables>, parts: readonly RunFilter[], order: readonly RunOrder[]): Walk | null {
  const [first] = order;
  if (first?.field === 'CREATED_AT' || first?.field === 'UPDATED_AT') {
    const build = expressionBuilder<Tables, 'run'>();
    const value = build.ref(`run.${runOrderFields[first.field].column}`);
    const rows = database.selectFrom('run').select('run.id');
    return { rows, terms: walkTerms(value, order), id: build.ref('run.id'), parts, behind: null };
  }
  const { name, reducer } = first?.metric ?? {};
  if (name === undefined || reducer === undefined || first?.nulls === 'FIRST') return null;
  return metricWalk(database, parts, order, { name, reducer });
}

function metricWalk(
  database: Kysely<Tables>,
  all: readonly RunFilter[],
  order: readonly RunOrder[],
  { name, reducer }: { name: string; reducer: Reducer },
): Walk {
  const ofMetric = all.filter(({ metric }) => metric?.name === name && metric.present !== false);
  // Other reductions of it are not on this index.
  const own = ofMetric.filter(({ metric }) => metric?.reducer === reducer);
  const parts = all.filter((part) => !own.includes(part));
  const index = database
    .selectFrom('summary_metric')
    .select(['summary_metric.run_id as id', reduced(reducer, 'summary_metric').as('value')])
    .where('summary_metric.name', '=', name)
    .where((build) => build.and(own.map(({ metric }) => metricPasses('summary_metric', metric!))));
  const rows = areDetails(parts, order.slice(1))
    ? database.selectFrom(index.as('run')).select('run.id')
    : database.selectFrom(index.as('walked')).innerJoin('run', 'run.id', 'walked.id').select('walked.id');
  const walked = areDetails(parts, order.slice(1)) ? 'run' : 'walked';
  return {
    rows: rows as unknown as Walk['rows'],
    terms: walkTerms(sql.ref(`${walked}.value`), order),
    id: sql.ref(`${walked}.id`),
    parts,
    behind: ofMetric.length > 0 ? null : { metric: { name, reducer, present: false } },
  };
}

/** The terms of an order whose first value is on the index. */
const walkTerms = (value: Expression<unknown>, [first, ...rest]: readonly RunOrder[]): OrderTerm[] => [
  { value, nullable: false, descending: first?.direction === 'DESC', nullsFirst: false },
  ...orderTerms(expressionBuilder<Tables, 'run'>(), rest),
];
