import { type Expression, expressionBuilder, type Kysely, type SelectQueryBuilder } from 'kysely';
import { numberTest } from '../database/conditions';
import type { OrderTerm } from '../database/keyset';
import type { Tables } from '../database/tables';
import { partsOf, type RunBuild, reduced } from './run-conditions';
import { type RunFilter, type RunOrder, runOrderFields } from './run-filter';

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
        value: build
          .selectFrom('run_parameter')
          .select(column)
          .whereRef('run_parameter.run_id', '=', 'run.id')
          .where('run_parameter.name', '=', parameter),
      }));
    const { name, reducer } = metric ?? { name: '', reducer: 'LAST' };
    const value = build
      .selectFrom('summary_metric')
      .select(reduced(reducer).as('value'))
      .whereRef('summary_metric.run_id', '=', 'run.id')
      .where('summary_metric.name', '=', name);
    return [{ ...how, nullable: true, value }];
  });
}

/** How many terms an order has, as a cursor's place must. */
export const termCount = (order: readonly RunOrder[]): number =>
  order.reduce((count, { parameter }) => count + (parameter ? 2 : 1), 0);

/** The way along an index that has runs in an order. */
export interface Walk {
  /** The rows of the index, joined with their runs. */
  rows: SelectQueryBuilder<Tables, 'run', { id: string }>;
  terms: OrderTerm[];
  id: Expression<string>;
  /** What of the filter is to be looked up elsewhere. */
  parts: RunFilter[];
  /** What further holds for runs that are not on the index and come behind it; null where none can pass. */
  behind: RunFilter | null;
}

/** The way along the index of an order; null where there is none. */
export function walkOf(
  database: Kysely<Tables>,
  filter: RunFilter,
  [first, ...rest]: readonly RunOrder[],
): Walk | null {
  const build = expressionBuilder<Tables, 'run'>();
  const parts = partsOf(filter);
  const termsFrom = (value: Expression<unknown>): OrderTerm[] => [
    { value, nullable: false, descending: first?.direction === 'DESC', nullsFirst: false },
    ...orderTerms(build, rest),
  ];
  if (first?.field === 'CREATED_AT' || first?.field === 'UPDATED_AT') {
    const value = build.ref(`run.${runOrderFields[first.field].column}`);
    const rows = database.selectFrom('run').select('run.id');
    return { rows, terms: termsFrom(value), id: build.ref('run.id'), parts, behind: null };
  }
  const { name, reducer } = first?.metric ?? {};
  if (name === undefined || (reducer !== 'LAST' && reducer !== 'BEST') || first?.nulls === 'FIRST') return null;
  const ofMetric = parts.filter(({ metric }) => metric?.name === name && metric.present !== false);
  // Other reductions of it are not on this index.
  const own = ofMetric.filter(({ metric }) => metric?.reducer === reducer);
  const rows = own.reduce(
    (query, { metric }) => query.where((row) => numberTest(row, reduced(reducer), metric?.value ?? {})),
    database
      .selectFrom('summary_metric')
      .innerJoin('run', 'run.id', 'summary_metric.run_id')
      .select('summary_metric.run_id as id')
      .where('summary_metric.name', '=', name),
  );
  return {
    rows: rows as unknown as Walk['rows'],
    terms: termsFrom(reduced(reducer)),
    id: expressionBuilder<Tables, 'summary_metric'>().ref('summary_metric.run_id'),
    parts: parts.filter((part) => !own.includes(part)),
    behind: ofMetric.length > 0 ? null : { metric: { name, reducer, present: false } },
  };
}
