import {
  type Expression,
  type ExpressionBuilder,
  expressionBuilder,
  type Kysely,
  type RawBuilder,
  type SqlBool,
  sql,
} from 'kysely';
import { combinedTest, fieldsOf, numberTest, tagTest, textTest, timeTest } from '../database/conditions';
import { type OrderTerm, type Place, pageQuery } from '../database/keyset';
import type { RunTable, Tables } from '../database/tables';
import {
  type MetricCondition,
  type ParameterCondition,
  type Reducer,
  type RunFilter,
  type RunOrder,
  runOrderFields,
} from './run-filter';

type Build = ExpressionBuilder<Tables, 'run'>;

const textColumns = {
  id: 'run.id',
  experimentId: 'run.experiment_id',
  variant: 'run.variant',
  groupId: 'run.group_id',
  method: 'run.method',
  state: 'run.state',
  failureKind: 'run.failure_kind',
  engine: 'run.engine',
  device: 'run.device',
  instanceType: 'run.instance_type',
} as const;
const numberColumns = {
  seed: 'run.seed',
  epoch: 'run.epoch',
  attempt: 'run.attempt',
  elapsedSeconds: 'run.elapsed_seconds',
  trainedParameters: 'run.trained_parameters',
  modelBytes: 'run.model_bytes',
  billedSeconds: 'run.billed_seconds',
  cost: 'run.cost',
  energyWattHours: 'run.energy_watt_hours',
} as const;
const timeColumns = {
  createdAt: 'run.created_at',
  startedAt: 'run.started_at',
  finishedAt: 'run.finished_at',
  updatedAt: 'run.updated_at',
} as const;

/** Whether a run passes a filter. */
export function runTest(build: Build, filter: RunFilter): Expression<SqlBool> {
  const { tag, parameter, metric } = filter;
  const tests = [
    ...fieldsOf(textColumns).flatMap((field) => {
      const condition = filter[field];
      return condition ? [textTest(build, build.ref(textColumns[field]), condition)] : [];
    }),
    ...fieldsOf(numberColumns).flatMap((field) => {
      const condition = filter[field];
      return condition ? [numberTest(build, build.ref(numberColumns[field]), condition)] : [];
    }),
    ...fieldsOf(timeColumns).flatMap((field) => {
      const condition = filter[field];
      return condition ? [timeTest(build, build.ref(timeColumns[field]), condition)] : [];
    }),
    ...(tag ? [tagTest(build.ref('run.experiment_id'), tag)] : []),
    ...(parameter ? [parameterTest(build, parameter)] : []),
    ...(metric ? [metricTest(build, metric)] : []),
  ];
  return combinedTest(build, filter, tests, (part: RunFilter) => runTest(build, part));
}

function parameterTest(build: Build, { name, present, number, text }: ParameterCondition): Expression<SqlBool> {
  const row = build
    .selectFrom('run_parameter')
    .select('run_parameter.name')
    .whereRef('run_parameter.run_id', '=', 'run.id')
    .where('run_parameter.name', '=', name)
    .$if(number !== undefined, (query) =>
      query.where((inner) => numberTest(inner, inner.ref('run_parameter.number'), number ?? {})),
    )
    .$if(text !== undefined, (query) =>
      query.where((inner) => textTest(inner, inner.ref('run_parameter.text'), text ?? {})),
    );
  return present === false ? build.not(build.exists(row)) : build.exists(row);
}

function metricTest(build: Build, { name, reducer, present, value }: MetricCondition): Expression<SqlBool> {
  const row = build
    .selectFrom('summary_metric')
    .select('summary_metric.name')
    .whereRef('summary_metric.run_id', '=', 'run.id')
    .where('summary_metric.name', '=', name)
    .$if(value !== undefined, (query) => query.where((inner) => numberTest(inner, reduced(reducer), value ?? {})));
  return present === false ? build.not(build.exists(row)) : build.exists(row);
}

/** The chosen reduction of a metric's history, from its row of `summary_metric`. */
function reduced(reducer: Reducer): RawBuilder<number> {
  switch (reducer) {
    case 'LAST':
      return sql<number>`${sql.ref('summary_metric.last')}`;
    case 'BEST':
      return sql<number>`${sql.ref('summary_metric.best')}`;
    case 'MIN':
      return sql<number>`${sql.ref('summary_metric.min')}`;
    case 'MAX':
      return sql<number>`${sql.ref('summary_metric.max')}`;
    case 'MEAN':
      return sql<number>`(${sql.ref('summary_metric.sum')} / ${sql.ref('summary_metric.count')})`;
  }
}

/** The terms of an order. A hyper-parameter gives two: numbers in their order, then texts in theirs. */
function orderTerms(build: Build, order: readonly RunOrder[]): OrderTerm[] {
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

/** The query for the ids of runs that pass a filter, in an order, behind a place. Ids and keys alone: a spec is large. */
export function searchQuery(
  database: Kysely<Tables>,
  {
    filter,
    order,
    limit,
    after,
  }: { filter: RunFilter; order: readonly RunOrder[]; limit: number; after: Place | null },
) {
  const build = expressionBuilder<Tables, 'run'>();
  const query = database.selectFrom('run').select('run.id').where(runTest(build, filter));
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
