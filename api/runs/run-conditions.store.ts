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
  const row = parameterOfRun(build.ref('run.id'), condition.name)
    .select('parameter_of_run.run_id')
    .where(parameterPasses('parameter_of_run', condition));
  return condition.present === false ? build.not(build.exists(row)) : build.exists(row);
}

/** What a run has of a hyper-parameter. */
export const parameterOfRun = (runId: Expression<string>, name: string) =>
  expressionBuilder<Tables>()
    .selectFrom('run_parameter as parameter_of_run')
    .where('parameter_of_run.run_id', '=', runId)
    .where('parameter_of_run.name', '=', name);

/** Whether a hyper-parameter passes, whatever `present` says. @param row the name of its row */
function parameterPasses(row: string, { number, text }: ParameterCondition): Expression<SqlBool> {
  const build = expressionBuilder<Tables, 'run_parameter'>();
  return build.and([
    ...(number === undefined ? [] : [numberTest(build, sql.ref<number | null>(`${row}.number`), number)]),
    ...(text === undefined ? [] : [textTest(build, sql.ref<string | null>(`${row}.text`), text)]),
  ]);
}

function metricTest(build: RunBuild, condition: MetricCondition): Expression<SqlBool> {
  const row = metricOfRun(build.ref('run.id'), condition.name)
    .select('metric_of_run.run_id')
    .where(metricPasses('metric_of_run', condition));
  return condition.present === false ? build.not(build.exists(row)) : build.exists(row);
}

/** What a run has of a metric. */
export const metricOfRun = (runId: Expression<string>, name: string) =>
  expressionBuilder<Tables>()
    .selectFrom('summary_metric as metric_of_run')
    .where('metric_of_run.run_id', '=', runId)
    .where('metric_of_run.name', '=', name);

/** Whether a metric passes, whatever `present` says. @param row the name of its row */
export function metricPasses(
  row: 'summary_metric' | 'metric_of_run',
  { reducer, value }: MetricCondition,
): Expression<SqlBool> {
  const build = expressionBuilder<Tables, 'summary_metric'>();
  return value === undefined ? build.and([]) : numberTest(build, reduced(reducer, row), value);
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

/** Whether a part is about nothing but what a run has of a metric or a hyper-parameter. */
export const isDetail = ({ metric, parameter }: RunFilter): boolean => metric !== undefined || parameter !== undefined;

export type RunIds = SelectQueryBuilder<Tables, keyof Tables, { id: string }>;

/**
 * Ids of the runs that pass a part, where an index has them side by side; null for other parts.
 * @param passing false: of those with another value of the same metric or hyper-parameter
 */
export function indexedIds({ metric, parameter }: RunFilter, passing = true): RunIds | null {
  const build = expressionBuilder<Tables>();
  const wanted = (test: Expression<SqlBool>) => (passing ? test : build.not(test));
  if (metric && metric.present !== false)
    return build
      .selectFrom('summary_metric')
      .select('summary_metric.run_id as id')
      .where('summary_metric.name', '=', metric.name)
      .where(wanted(metricPasses('summary_metric', metric))) as unknown as RunIds;
  if (parameter && parameter.present !== false)
    return build
      .selectFrom('run_parameter')
      .select('run_parameter.run_id as id')
      .where('run_parameter.name', '=', parameter.name)
      .where(wanted(parameterPasses('run_parameter', parameter))) as unknown as RunIds;
  return null;
}

const reducedColumns = { LAST: 'last', BEST: 'best', MIN: 'min', MAX: 'max', MEAN: 'mean' } as const satisfies Record<
  Reducer,
  keyof Tables['summary_metric']
>;

/**
 * The chosen reduction of a metric's history, in the column that the index of its order has; among the rows of a look-up
 * by run (`metric_of_run`) the mean is computed of what their index has.
 * @param row the name of its row of `summary_metric`
 */
export function reduced(reducer: Reducer, row: 'summary_metric' | 'metric_of_run'): RawBuilder<number> {
  if (reducer === 'MEAN' && row === 'metric_of_run')
    return sql<number>`(${sql.ref(`${row}.sum`)} / ${sql.ref(`${row}.count`)})`;
  return sql<number>`${sql.ref(`${row}.${reducedColumns[reducer]}`)}`;
}
