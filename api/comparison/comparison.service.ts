import { higherIsBetter, scoreName } from '../../contract/metric-names';
import { parametersSchema } from '../../contract/parameters';
import type { Problem } from '../../contract/run-spec';
import type { Services } from '../context';
import { type Failure, invalidInput } from '../errors';
import { limits } from '../limits';
import { type ComparisonPoint, type MissingRun, type SeedValue, valueAt } from './comparison';
import { findComparedRuns, findEpochs, findExperimentIds, findMetricNames, findParameters } from './comparison.store';
import { type GroupLabel, groupRuns, type RunGroup, runLabels } from './groups';
import { describeSample, type Sample } from './statistics';

export interface ComparisonRequest {
  experimentIds: readonly string[];
  metric: string;
  at: { point: ComparisonPoint['kind']; epoch?: number | null; seconds?: number | null };
  baseline: string | null;
  groupBy: readonly string[] | null;
}

/** A group and what its runs say. */
export interface ComparedGroup extends Sample {
  id: string;
  name: string;
  labels: GroupLabel[];
  min: number | null;
  max: number | null;
  best: SeedValue | null;
  worst: SeedValue | null;
  values: SeedValue[];
  missing: MissingRun[];
  /** Mean minus that of the baseline; null for the baseline itself, and where either has no value. */
  difference: number | null;
}

export interface Comparison {
  metric: string;
  higherIsBetter: boolean;
  baseline: string | null;
  groups: ComparedGroup[];
  warnings: string[];
}

/** The epoch is always selected on dev: a test set that selects is no test set. */
const selecting = scoreName('dev', 'accuracy');
/** Below this many values an interval rests on too little to be relied on. */
const fewValues = 3;

/** Compares groups of runs by one metric at one point of their training. */
export async function compare({ database }: Services, request: ComparisonRequest): Promise<Comparison | Failure> {
  const { experimentIds, metric, groupBy } = request;
  const checked = checkPoint(request.at);
  const problems = [...('problem' in checked ? [checked.problem] : []), ...requestProblems(request)];
  if (problems.length === 0) {
    const known = await findExperimentIds(database, experimentIds);
    experimentIds.forEach((id, place) => {
      if (!known.includes(id))
        problems.push({ path: `experimentIds.${place}`, message: `there is no experiment "${id}"` });
    });
  }
  if ('problem' in checked || problems.length > 0) return invalidInput(problems);

  const runs = await findComparedRuns(database, experimentIds, limits.comparedRuns + 1);
  if (runs.length > limits.comparedRuns)
    return invalidInput([
      { path: 'experimentIds', message: `have more than ${limits.comparedRuns} runs: compare fewer at a time` },
    ]);
  const epochs = await findEpochs(database, experimentIds, { metric, selecting });
  const unknown = await unknownMetric(database, request, epochs);
  if (unknown !== null) return invalidInput([unknown]);

  const parameterNames = (groupBy ?? []).filter((name) => !isRunLabel(name));
  const groups = groupRuns(runs, groupBy, await findParameters(database, experimentIds, parameterNames));
  const baseline = findBaseline(groups, request.baseline);
  if ('problem' in baseline) return invalidInput([baseline.problem]);

  const compared = groups.map((group) => describeGroup(group, epochs, checked.point, metric));
  const reference = compared.find(({ id }) => id === baseline.id) ?? null;
  return {
    metric,
    higherIsBetter: higherIsBetter(metric),
    baseline: baseline.id,
    groups: compared.map((group) => ({
      ...group,
      difference:
        reference === null || group === reference || group.mean === null || reference.mean === null
          ? null
          : group.mean - reference.mean,
    })),
    warnings: [
      ...compared.flatMap((group) => groupWarnings(group)),
      ...groups.flatMap((group) => (groupBy === null ? [] : poolingWarnings(group))),
      ...(checked.point.kind === 'WALL_CLOCK' ? machineWarnings(groups) : []),
    ],
  };
}

function describeGroup(
  { id, name, labels, runs }: RunGroup,
  epochs: Awaited<ReturnType<typeof findEpochs>>,
  point: ComparisonPoint,
  metric: string,
): Omit<ComparedGroup, 'difference'> {
  const outcomes = runs.map((run) => valueAt(run, epochs.get(run.id) ?? [], point));
  const values = outcomes.flatMap((outcome) => (outcome.kind === 'value' ? [outcome.value] : []));
  const missing = outcomes.flatMap((outcome) => (outcome.kind === 'missing' ? [outcome.run] : []));
  // A stable sort: of equal values the first seed stands.
  const ascending = [...values].sort((a, b) => a.value - b.value);
  const descending = [...values].sort((a, b) => b.value - a.value);
  const [best, worst] = higherIsBetter(metric) ? [descending[0], ascending[0]] : [ascending[0], descending[0]];
  return {
    id,
    name,
    labels,
    ...describeSample(values.map(({ value }) => value)),
    min: ascending[0]?.value ?? null,
    max: descending[0]?.value ?? null,
    best: best ?? null,
    worst: worst ?? null,
    values,
    missing,
  };
}

function groupWarnings({ name, n, values, missing }: Omit<ComparedGroup, 'difference'>): string[] {
  const reasons = new Map<string, number>();
  for (const { reason } of missing) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const told = [...reasons].map(([reason, count]) => `${reason} (${count})`).join(', ');
  const repeated = [...new Set(values.map(({ seed }) => seed))].filter(
    (seed) => values.filter((value) => value.seed === seed).length > 1,
  );
  return [
    ...(missing.length > 0 ? [`"${name}": ${missing.length} of ${missing.length + n} runs are left out: ${told}`] : []),
    ...(n === 1 ? [`"${name}" rests on one run: it has no spread and no interval`] : []),
    ...(n > 1 && n < fewValues ? [`"${name}" rests on ${n} runs: its interval tells little`] : []),
    ...(repeated.length > 0
      ? [`"${name}" has several runs of seed ${repeated.join(', ')}: they are not independent of each other`]
      : []),
  ];
}

function poolingWarnings({ name, runs }: RunGroup): string[] {
  const definitions = new Set(runs.map(({ groupId }) => groupId)).size;
  return definitions === 1
    ? []
    : [`"${name}" pools ${definitions} definitions: its spread is not that of the seed alone`];
}

function machineWarnings(groups: readonly RunGroup[]): string[] {
  const runs = groups.flatMap((group) => group.runs).filter(({ state }) => state === 'SUCCEEDED');
  const machines = [...new Set(runs.map(({ engine, device }) => `${engine ?? 'unknown'} on ${device ?? 'unknown'}`))];
  if (machines.length <= 1) return [];
  return [`runs were carried out with ${machines.join(', ')}: a time budget compares these machines as well`];
}

function findBaseline(
  groups: readonly RunGroup[],
  wanted: string | null,
): { id: string | null } | { problem: Problem } {
  if (wanted === null) return { id: null };
  const found = groups.find(({ id, name }) => id === wanted || name === wanted);
  if (found !== undefined) return { id: found.id };
  const names = groups.map(({ name }) => `"${name}"`).join(', ');
  return { problem: { path: 'baseline', message: `there is no group "${wanted}": name one of ${names}, or its id` } };
}

function checkPoint({
  point,
  epoch,
  seconds,
}: ComparisonRequest['at']): { point: ComparisonPoint } | { problem: Problem } {
  if (point === 'EPOCH')
    return epoch != null && epoch >= 0
      ? { point: { kind: point, epoch } }
      : { problem: { path: 'at.epoch', message: `${epoch ?? 'nothing'} given: EPOCH takes an epoch of 0 or more` } };
  if (point === 'WALL_CLOCK')
    return seconds != null && seconds > 0
      ? { point: { kind: point, seconds } }
      : { problem: { path: 'at.seconds', message: `${seconds ?? 'nothing'} given: WALL_CLOCK takes seconds above 0` } };
  return { point: { kind: point } };
}

const isRunLabel = (name: string): boolean => (runLabels as readonly string[]).includes(name);

function requestProblems({ experimentIds, metric, groupBy }: ComparisonRequest): Problem[] {
  const count = experimentIds.length;
  const names = groupBy ?? [];
  return [
    ...(count < 1 || count > limits.comparedExperiments
      ? [{ path: 'experimentIds', message: `${count} experiments: give 1 to ${limits.comparedExperiments}` }]
      : []),
    ...(new Set(experimentIds).size < count ? [{ path: 'experimentIds', message: 'names an experiment twice' }] : []),
    ...(metric === '' ? [{ path: 'metric', message: 'is empty: name a metric, such as test/accuracy' }] : []),
    ...(groupBy !== null && names.length === 0
      ? [{ path: 'groupBy', message: 'is empty: name what tells groups apart, or leave it out' }]
      : []),
    ...names.flatMap((name, place) =>
      isRunLabel(name) || Object.hasOwn(parametersSchema.shape, name)
        ? []
        : [
            {
              path: `groupBy.${place}`,
              message: `there is no "${name}": name a hyper-parameter or ${runLabels.join(', ')}`,
            },
          ],
    ),
  ];
}

/** A metric that no run has, although some have others: most likely misspelt, or logged by step alone. */
async function unknownMetric(
  database: Services['database'],
  { metric, experimentIds }: ComparisonRequest,
  epochs: Awaited<ReturnType<typeof findEpochs>>,
): Promise<Problem | null> {
  const known = [...epochs.values()].some((ofRun) => ofRun.some(({ value }) => value !== null));
  if (known) return null;
  const names = await findMetricNames(database, experimentIds);
  if (names.length === 0) return null;
  const shown = names.slice(0, 50).join(', ');
  return { path: 'metric', message: `no run was evaluated by "${metric}" at the end of an epoch; there are ${shown}` };
}
