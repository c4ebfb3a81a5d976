import fc from 'fast-check';
import type { NumberCondition, TextCondition, TimeCondition } from '../../../api/database/conditions';
import {
  type RunFilter,
  type RunOrder,
  type RunOrderField,
  reducers,
  runOrderFields,
} from '../../../api/runs/run-filter';
import type { PlainRun } from './naive-search';

/** Few values each, so that equals, hits and misses all come up; texts with what LIKE would take for wildcards. */
const texts = fc.constantFrom('kd', 'KD [loss=ce]', 'meta', 'a%b', 'a_b', 'a\\b', "o'hara");
const numbers = fc.constantFrom(-1, 0, 0.1, 0.5, 1, 2, 32, 4_294_967_295);
const times = fc.constantFrom('2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z', '2026-03-01T12:00:00.000Z');
const parameterNames = fc.constantFrom('alpha', 'loss', 'temperature');
const metricNames = fc.constantFrom('test/accuracy', 'train/loss');

const counts = fc.constantFrom(0, 1000, 5_000_000_000);
const machines = fc.constantFrom('g5.xlarge', 'g6.xlarge');

const plainRun: fc.Arbitrary<Omit<PlainRun, 'id' | 'experimentId'>> = fc.record({
  position: fc.integer({ min: 0, max: 3 }),
  variant: texts,
  groupId: fc.constantFrom('g1', 'g2'),
  method: fc.constantFrom('kd', 'scratch'),
  state: fc.constantFrom('PENDING', 'RUNNING', 'SUCCEEDED'),
  failureKind: fc.option(fc.constantFrom('crash', 'timeout')),
  seed: fc.constantFrom(0, 1, 4_294_967_295),
  epoch: fc.integer({ min: 0, max: 3 }),
  attempt: fc.integer({ min: 0, max: 2 }),
  elapsedSeconds: numbers,
  engine: fc.option(fc.constantFrom('native', 'portable')),
  device: fc.option(fc.constantFrom('cpu', 'gpu')),
  instanceType: fc.option(machines),
  trainedParameters: fc.option(counts),
  modelBytes: fc.option(counts),
  billedSeconds: fc.option(numbers),
  cost: fc.option(numbers),
  energyWattHours: fc.option(numbers),
  createdAt: times,
  startedAt: fc.option(times),
  finishedAt: fc.option(times),
  updatedAt: times,
  tags: fc.uniqueArray(texts, { maxLength: 2 }),
  parameters: fc.dictionary(parameterNames, fc.oneof(numbers, texts), { maxKeys: 3 }),
  metrics: fc.dictionary(metricNames, fc.array(fc.option(numbers), { minLength: 1, maxLength: 3 }), { maxKeys: 2 }),
});

export const plainRuns = fc.array(plainRun, { minLength: 1, maxLength: 12 }).map((runs) =>
  runs.map((run, at): PlainRun => {
    const id = `run-${(at * 7) % 13}`;
    // Of its own, for the tags.
    return { ...run, id, experimentId: `x-${id}` };
  }),
);

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

/** Texts that some run has, and those that none has. */
const own = (values: fc.Arbitrary<string>) =>
  fc.oneof(fc.record({ eq: values }), fc.record({ notIn: fc.array(values, { maxLength: 2 }) }), textCondition);
const ids = fc.integer({ min: 0, max: 12 });

const leaf: fc.Arbitrary<RunFilter> = fc.oneof(
  fc.constant({}),
  fc.record({ id: own(ids.map((at) => `run-${at}`)) }),
  fc.record({ experimentId: own(ids.map((at) => `x-run-${at}`)) }),
  fc.record({ variant: textCondition }),
  fc.record({ groupId: own(fc.constantFrom('g1', 'g2')), state: own(fc.constantFrom('PENDING', 'SUCCEEDED')) }),
  fc.record({ method: textCondition, seed: numberCondition }),
  fc.record({ failureKind: own(fc.constantFrom('crash', 'timeout')) }),
  fc.record({ engine: textCondition, device: own(fc.constantFrom('cpu', 'gpu')) }, { requiredKeys: ['device'] }),
  fc.record({ engine: textCondition }),
  fc.record({ instanceType: own(machines) }),
  fc.record({ modelBytes: numberCondition }),
  fc.record({ trainedParameters: numberCondition, attempt: numberCondition }, { requiredKeys: ['attempt'] }),
  fc.record({ elapsedSeconds: numberCondition, epoch: numberCondition }),
  fc.record({ billedSeconds: numberCondition }),
  fc.record({ cost: numberCondition }),
  fc.record({ energyWattHours: numberCondition }),
  fc.record({ cost: numberCondition, instanceType: own(machines) }),
  fc.record({ createdAt: timeCondition }),
  fc.record({ startedAt: timeCondition, updatedAt: timeCondition }, { requiredKeys: ['updatedAt'] }),
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
      field: fc.constantFrom(...(Object.keys(runOrderFields) as RunOrderField[])),
    }),
    fc.record({ ...how, parameter: parameterNames }),
    fc.record({ ...how, metric: fc.record({ name: metricNames, reducer: fc.constantFrom(...reducers) }) }),
  ),
  { minLength: 1, maxLength: 3 },
) as fc.Arbitrary<RunOrder[]>;
