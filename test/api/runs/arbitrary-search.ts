import fc from 'fast-check';
import type { NumberCondition, TextCondition, TimeCondition } from '../../../api/database/conditions';
import { type RunFilter, type RunOrder, reducers } from '../../../api/runs/run-filter';
import type { PlainRun } from './naive-search';

/** Few values each, so that equals, hits and misses all come up; texts with what LIKE would take for wildcards. */
const texts = fc.constantFrom('kd', 'KD [loss=ce]', 'meta', 'a%b', 'a_b', 'a\\b', "o'hara");
const numbers = fc.constantFrom(-1, 0, 0.1, 0.5, 1, 2, 32, 4_294_967_295);
const times = fc.constantFrom('2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z', '2026-03-01T12:00:00.000Z');
const parameterNames = fc.constantFrom('alpha', 'loss', 'temperature');
const metricNames = fc.constantFrom('test/accuracy', 'train/loss');

const plainRun: fc.Arbitrary<Omit<PlainRun, 'id'>> = fc.record({
  position: fc.integer({ min: 0, max: 3 }),
  variant: texts,
  method: fc.constantFrom('kd', 'scratch'),
  state: fc.constantFrom('PENDING', 'RUNNING', 'SUCCEEDED'),
  seed: fc.constantFrom(0, 1, 4_294_967_295),
  epoch: fc.integer({ min: 0, max: 3 }),
  elapsedSeconds: numbers,
  engine: fc.option(fc.constantFrom('native', 'portable')),
  modelBytes: fc.option(fc.constantFrom(0, 1000, 5_000_000_000)),
  createdAt: times,
  finishedAt: fc.option(times),
  tags: fc.uniqueArray(texts, { maxLength: 2 }),
  parameters: fc.dictionary(parameterNames, fc.oneof(numbers, texts), { maxKeys: 3 }),
  metrics: fc.dictionary(metricNames, fc.array(numbers, { minLength: 1, maxLength: 3 }), { maxKeys: 2 }),
});

export const plainRuns = fc
  .array(plainRun, { minLength: 1, maxLength: 12 })
  .map((runs) => runs.map((run, at): PlainRun => ({ ...run, id: `run-${(at * 7) % 13}` })));

const some = <T>(shape: { [K in keyof T]-?: fc.Arbitrary<T[K]> }) =>
  fc.record(shape, { requiredKeys: [] }) as fc.Arbitrary<T>;

const numberCondition = some<NumberCondition>({
  eq: numbers,
  ne: numbers,
  in: fc.array(numbers, { maxLength: 3 }),
  notIn: fc.array(numbers, { maxLength: 3 }),
  lt: numbers,
  lte: numbers,
  gt: numbers,
  gte: numbers,
}).map((all) => Object.fromEntries(Object.entries(all).slice(0, 2)) as NumberCondition);
const textCondition = some<TextCondition>({
  eq: texts,
  ne: texts,
  in: fc.array(texts, { maxLength: 3 }),
  notIn: fc.array(texts, { maxLength: 3 }),
  contains: fc.constantFrom('D', 'a', '%', '_', '\\', "'", ''),
  startsWith: fc.constantFrom('k', 'A', 'a%', 'a_'),
}).map((all) => Object.fromEntries(Object.entries(all).slice(0, 2)) as TextCondition);
const timeCondition = some<TimeCondition>({
  before: times.map((text) => new Date(text)),
  from: times.map((text) => new Date(text)),
});

const leaf: fc.Arbitrary<RunFilter> = fc.oneof(
  fc.constant({}),
  fc.record({ variant: textCondition }),
  fc.record({ method: textCondition, seed: numberCondition }),
  fc.record({ engine: textCondition }),
  fc.record({ modelBytes: numberCondition }),
  fc.record({ elapsedSeconds: numberCondition, epoch: numberCondition }),
  fc.record({ createdAt: timeCondition }),
  fc.record({ finishedAt: timeCondition }),
  fc.record({ tag: textCondition }),
  fc.record({
    parameter: fc.record(
      { name: parameterNames, present: fc.boolean(), number: numberCondition, text: textCondition },
      { requiredKeys: ['name'] },
    ),
  }),
  fc.record({
    metric: fc.record(
      { name: metricNames, reducer: fc.constantFrom(...reducers), present: fc.boolean(), value: numberCondition },
      { requiredKeys: ['name', 'reducer'] },
    ),
  }),
) as fc.Arbitrary<RunFilter>;

export const runFilter: fc.Arbitrary<RunFilter> = fc.letrec<{ filter: RunFilter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'filter' },
    leaf,
    fc.record({ AND: fc.array(tie('filter'), { maxLength: 2 }) }),
    fc.record({ OR: fc.array(tie('filter'), { maxLength: 3 }) }),
    fc.record({ NOT: tie('filter') }),
    fc.tuple(leaf, tie('filter')).map(([all, NOT]) => ({ ...all, NOT })),
  ),
})).filter;

const how = { direction: fc.constantFrom('ASC', 'DESC'), nulls: fc.constantFrom('FIRST', 'LAST') } as const;
export const runOrder = fc.array(
  fc.oneof(
    fc.record({
      ...how,
      field: fc.constantFrom('POSITION', 'VARIANT', 'SEED', 'MODEL_BYTES', 'FINISHED_AT', 'CREATED_AT'),
    }),
    fc.record({ ...how, parameter: parameterNames }),
    fc.record({ ...how, metric: fc.record({ name: metricNames, reducer: fc.constantFrom(...reducers) }) }),
  ),
  { minLength: 1, maxLength: 3 },
) as fc.Arbitrary<RunOrder[]>;
