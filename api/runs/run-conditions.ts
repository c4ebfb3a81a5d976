import {
  type Expression,
  type ExpressionBuilder,
  expressionBuilder,
  type RawBuilder,
  type SelectQueryBuilder,
  type SqlBool,
  sql,
} from 'kysely';
import { combinedTest, fieldsOf, numberTest, tagTest, textTest, timeTest } from '../database/conditions';
import type { Tables } from '../database/tables';
import type { MetricCondition, ParameterCondition, Reducer, RunFilter } from './run-filter';

export type RunBuild = ExpressionBuilder<Tables, 'run'>;

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
export function runTest(build: RunBuild, filter: RunFilter): Expression<SqlBool> {
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

function parameterTest(build: RunBuild, condition: ParameterCondition): Expression<SqlBool> {
  const row = withParameter(condition).where('run_parameter.run_id', '=', build.ref('run.id'));
  return condition.present === false ? build.not(build.exists(row)) : build.exists(row);
}

/** Ids of the runs with a hyper-parameter that passes, whatever `present` says. */
function withParameter({ name, number, text }: ParameterCondition) {
  return expressionBuilder<Tables>()
    .selectFrom('run_parameter')
    .select('run_parameter.run_id')
    .where('run_parameter.name', '=', name)
    .$if(number !== undefined, (query) =>
      query.where((inner) => numberTest(inner, inner.ref('run_parameter.number'), number ?? {})),
    )
    .$if(text !== undefined, (query) =>
      query.where((inner) => textTest(inner, inner.ref('run_parameter.text'), text ?? {})),
    );
}

function metricTest(build: RunBuild, condition: MetricCondition): Expression<SqlBool> {
  const row = withMetric(condition).where('summary_metric.run_id', '=', build.ref('run.id'));
  return condition.present === false ? build.not(build.exists(row)) : build.exists(row);
}

/** Ids of the runs with a metric that passes, whatever `present` says. */
function withMetric({ name, reducer, value }: MetricCondition) {
  return expressionBuilder<Tables>()
    .selectFrom('summary_metric')
    .select('summary_metric.run_id')
    .where('summary_metric.name', '=', name)
    .$if(value !== undefined, (query) => query.where((inner) => numberTest(inner, reduced(reducer), value ?? {})));
}

/** Whether a run passes all parts. */
export const partsTest = (build: RunBuild, parts: readonly RunFilter[]): Expression<SqlBool> =>
  build.and(parts.map((part) => runTest(build, part)));

/** A filter as parts that must all hold, each with a test of one kind where it can be. */
export function partsOf({ AND, metric, parameter, ...rest }: RunFilter): RunFilter[] {
  return [
    ...(metric ? [{ metric }] : []),
    ...(parameter ? [{ parameter }] : []),
    ...(Object.keys(rest).length > 0 ? [rest] : []),
    ...(AND ?? []).flatMap(partsOf),
  ];
}

export type RunIds = SelectQueryBuilder<Tables, keyof Tables, { run_id: string }>;

/** Ids of the runs that pass a part, where an index has them side by side; null for other parts. */
export function indexedIds({ metric, parameter }: RunFilter): RunIds | null {
  if (metric && metric.present !== false && (metric.reducer === 'LAST' || metric.reducer === 'BEST'))
    return withMetric(metric) as unknown as RunIds;
  if (parameter && parameter.present !== false) return withParameter(parameter) as unknown as RunIds;
  return null;
}

/** The chosen reduction of a metric's history, from its row of `summary_metric`. */
export function reduced(reducer: Reducer): RawBuilder<number> {
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
