import { z } from 'zod';
import { metricNames, scoreName, scoreNames } from '../../contract/metric-names';
import { type ParameterName, parametersSchema } from '../../contract/parameters';
import type { Cell, Column } from '../../contract/parquet';
import type { Checked } from '../../contract/run-spec';
import type { Services } from '../context/context';
import { decodeCursor, encodeCursor, orderName } from '../database/keyset';
import type { SummaryMetricTable } from '../database/tables';
import type { RunFilter } from '../runs/run-filter';
import { findRunPlaces } from '../runs/run-search.store';
import { breathe, mapInSlices } from '../shared/breathe';
import { exportedRuns, type RunFields, type RunValues } from './run-values.store';
import type { ExportTable } from './table';

/** Runs read at a time: the queries of a batch hold up everything else of the service. */
const batchSize = 200;

const fieldColumns: readonly (Column & { of: keyof RunFields })[] = [
  { name: 'id', type: 'text', of: 'id' },
  { name: 'experimentId', type: 'text', of: 'experiment_id' },
  { name: 'position', type: 'number', of: 'position' },
  { name: 'variant', type: 'text', of: 'variant' },
  { name: 'groupId', type: 'text', of: 'group_id' },
  { name: 'method', type: 'text', of: 'method' },
  { name: 'seed', type: 'number', of: 'seed' },
  { name: 'state', type: 'text', of: 'state' },
  { name: 'dependsOn', type: 'text', of: 'depends_on' },
  { name: 'studentDependsOn', type: 'text', of: 'student_depends_on' },
  { name: 'attempt', type: 'number', of: 'attempt' },
  { name: 'failureKind', type: 'text', of: 'failure_kind' },
  { name: 'failureMessage', type: 'text', of: 'failure_message' },
  { name: 'step', type: 'number', of: 'step' },
  { name: 'epoch', type: 'number', of: 'epoch' },
  { name: 'elapsedSeconds', type: 'number', of: 'elapsed_seconds' },
  { name: 'engine', type: 'text', of: 'engine' },
  { name: 'device', type: 'text', of: 'device' },
  { name: 'trainedParameters', type: 'number', of: 'trained_parameters' },
  { name: 'modelBytes', type: 'number', of: 'model_bytes' },
  { name: 'selectedEpoch', type: 'number', of: 'selected_epoch' },
  { name: 'createdAt', type: 'text', of: 'created_at' },
  { name: 'startedAt', type: 'text', of: 'started_at' },
  { name: 'finishedAt', type: 'text', of: 'finished_at' },
  { name: 'damage', type: 'text', of: 'damage' },
];

/** A hyper-parameter that may be a number is one in all rows, and missing where it is null. */
const parameterColumns = (Object.keys(parametersSchema.shape) as ParameterName[]).map((parameter) => {
  const { type, anyOf = [] } = z.toJSONSchema(parametersSchema.shape[parameter], { io: 'input' });
  const isNumber = [type, ...anyOf.map((part) => typeof part === 'object' && part.type)].some(
    (name) => name === 'number' || name === 'integer',
  );
  return { name: `parameters.${parameter}`, type: isNumber ? 'number' : 'text', parameter } as const;
});

/** What every run logs, or may, whatever the classes of its data are. */
const usualMetrics: readonly string[] = [
  ...(['dev', 'test'] as const).flatMap((split) =>
    (['', 'teacher/'] as const).flatMap((subject) => scoreNames.map((score) => scoreName(split, score, subject))),
  ),
  ...Object.values(metricNames),
];

const summaries: Readonly<Record<string, (metric: SummaryMetricTable) => number>> = {
  last: ({ last }) => last,
  best: ({ best }) => best,
  bestStep: ({ best_step }) => best_step,
  min: ({ min }) => min,
  max: ({ max }) => max,
  mean: ({ sum, count }) => sum / count,
};

/**
 * The runs that pass a filter, in the order of their ids, one row each: fields, every hyper-parameter (missing where the
 * method does not read it), and the summaries of metrics over their whole history.
 *
 * @param metrics whose summaries are columns; null: the usual ones
 * @param after cursor of a table with the same columns; null: from the beginning
 */
export function runTable(
  { database }: Services,
  filter: RunFilter,
  metrics: readonly string[] | null,
  after: string | null,
): Checked<ExportTable> {
  const names = metrics ?? usualMetrics;
  const columns: Column[] = [
    ...fieldColumns.map(({ name, type }) => ({ name, type })),
    ...parameterColumns.map(({ name, type }) => ({ name, type })),
    ...names.flatMap((name) =>
      Object.keys(summaries).map((summary) => ({ name: `metrics.${name}.${summary}`, type: 'number' as const })),
    ),
  ];
  const order = orderName(['exportRuns', columns]);
  const place = after === null ? null : decodeCursor(after, order, []);
  if (place?.kind === 'invalid') return place;
  const start = place?.value ?? null;

  async function* batches() {
    let from = start;
    for (;;) {
      await breathe();
      const found = await findRunPlaces(database, { filter, order: [], limit: batchSize, after: from });
      if (found.length === 0) return;
      const ids = found.map(({ id }) => id);
      const runs = await exportedRuns(database, ids, names);
      yield {
        rows: await mapInSlices(runs, (run) => rowOf(run, names)),
        cursorBehind: (count: number) => encodeCursor(order, { keys: [], id: runs[count - 1]!.fields.id }),
      };
      from = { keys: [], id: ids.at(-1)! };
    }
  }
  return { kind: 'valid', value: { columns, batches } };
}

function rowOf({ fields, parameters, metrics }: RunValues, names: readonly string[]): Cell[] {
  const parameterCells = parameterColumns.map(({ parameter, type }): Cell => {
    const row = parameters.get(parameter);
    return (type === 'number' ? row?.number : row?.text) ?? null;
  });
  const metricCells = names.flatMap((name): Cell[] => {
    const metric = metrics.get(name);
    return Object.values(summaries).map((summary) => (metric === undefined ? null : summary(metric)));
  });
  return [...fieldColumns.map(({ of }) => fields[of]), ...parameterCells, ...metricCells];
}
