import { bestOf, describeMetric, type MetricDescription } from '../../contract/metrics';
import type { Problem } from '../../contract/run-spec';
import type { Services } from '../context/context';
import { type Failure, invalidInput } from '../shared/errors';
import { limits } from '../shared/limits';
import type { ComparedPair, HolmFamilies } from './compared-pair';
import { type ComparedGroup, type ComparisonPoint, type SeedValue, valueAt } from './comparison';
import {
  findComparedRuns,
  findEpochs,
  findExperimentIds,
  findMetricNames,
  findParameters,
  findSpecs,
} from './comparison.store';
import { dataDifferences, dataSources } from './data-differences';
import { testExamples } from './examples';
import { comparisonWarnings, groupWarnings } from './group-warnings';
import { groupRuns, isRunLabel, type RunGroup } from './groups';
import { type Pair, pairsOf, testPairs } from './pairs';
import { predictionsOf } from './predictions';
import { type ComparisonRequest, checkRequest } from './request';
import { withoutRounding } from './statistics/rounding';
import { describeSample } from './statistics/sample';
import type { ComparisonWarning } from './warnings';

export interface Comparison {
  metric: string;
  metricDescription: MetricDescription;
  baseline: string | null;
  groups: ComparedGroup[];
  selectedOnTest: boolean;
  /** In what the data of the runs differ; empty unless that was allowed. */
  dataDifferences: string[];
  warnings: ComparisonWarning[];
  /** Computed when asked for: it reads predictions. */
  tests(): Promise<{ pairs: ComparedPair[]; families: HolmFamilies }>;
}

type Epochs = Awaited<ReturnType<typeof findEpochs>>;

/** Compares groups of runs by one metric at one point of their training. */
export async function compare(services: Services, request: ComparisonRequest): Promise<Comparison | Failure> {
  const { database } = services;
  const { experimentIds, metric, groupBy } = request;
  const checked = checkRequest(request);
  if (checked.kind === 'invalid') return invalidInput(checked.problems);
  const unknownExperiments = await findUnknown(database, experimentIds);
  if (unknownExperiments.length > 0) return invalidInput(unknownExperiments);

  const runs = await findComparedRuns(database, experimentIds, limits.comparedRuns + 1);
  if (runs.length > limits.comparedRuns)
    return invalidInput([
      { path: 'experimentIds', message: `have more than ${limits.comparedRuns} runs: compare fewer at a time` },
    ]);
  const epochs = await findEpochs(database, runs, metric);
  const unknown = await unknownMetric(database, request, epochs);
  if (unknown !== null) return invalidInput([unknown]);

  const parameterNames = (groupBy ?? []).filter((name) => !isRunLabel(name));
  const groups = groupRuns(runs, groupBy, await findParameters(database, experimentIds, parameterNames));
  const baseline = findBaseline(groups, request.baseline);
  if ('problem' in baseline) return invalidInput([baseline.problem]);

  const differences = await findDifferences(database, groups, epochs);
  const compared = describeGroups(groups, epochs, checked.value, { metric, baseline: baseline.id });
  const pairs = pairsOf(compared, baseline.id, request.pairs === 'ALL');
  const problems = [...differenceProblems(differences, request), ...pairProblems(groups, pairs)];
  if (problems.length > 0) return invalidInput(problems);
  return {
    metric,
    metricDescription: describeMetric(metric),
    baseline: baseline.id,
    groups: compared,
    selectedOnTest: checked.value.kind === 'BEST_ON_TEST',
    dataDifferences: differences,
    warnings: [
      ...comparisonWarnings({ point: checked.value, groups, differences }),
      ...compared.flatMap((group, place) => groupWarnings(group, groups[place]!, groupBy !== null)),
    ],
    tests: once(async () => {
      const examples = await testExamples(predictionsOf(services.objects), pairs, metric);
      return testPairs(pairs, examples, describeMetric(metric));
    }),
  };
}

function describeGroups(
  groups: readonly RunGroup[],
  epochs: Epochs,
  point: ComparisonPoint,
  { metric, baseline }: { metric: string; baseline: string | null },
): ComparedGroup[] {
  const compared = groups.map((group) => describeGroup(group, epochs, point, metric));
  const reference = compared.find(({ id }) => id === baseline) ?? null;
  return compared.map((group) => ({
    ...group,
    difference:
      reference === null || group === reference || group.mean === null || reference.mean === null
        ? null
        : withoutRounding(group.mean - reference.mean, Math.abs(group.mean)),
  }));
}

function describeGroup(
  { id, name, labels, runs }: RunGroup,
  epochs: Epochs,
  point: ComparisonPoint,
  metric: string,
): Omit<ComparedGroup, 'difference'> {
  const { better } = describeMetric(metric);
  const outcomes = runs.map((run) =>
    valueAt(run, epochs.get(run.id) ?? [], point, { metric: better, selecting: describeMetric(run.selectBy).better }),
  );
  const values = outcomes.flatMap((outcome) => (outcome.kind === 'value' ? [outcome.value] : []));
  const missing = outcomes.flatMap((outcome) => (outcome.kind === 'missing' ? [outcome.run] : []));
  const scoreOf = ({ value }: SeedValue) => value;
  const highest = bestOf(values, 'higher', scoreOf);
  const lowest = bestOf(values, 'lower', scoreOf);
  const ends = { higher: [highest, lowest], lower: [lowest, highest], none: [null, null] } as const;
  const [best, worst] = ends[better];
  return {
    id,
    name,
    labels,
    ...describeSample(values.map(({ value }) => value)),
    min: lowest?.value ?? null,
    max: highest?.value ?? null,
    best,
    worst,
    values,
    missing,
  };
}

/** Runs that have nothing to compare cannot make the data differ. */
async function findDifferences(
  database: Services['database'],
  groups: readonly RunGroup[],
  epochs: Epochs,
): Promise<string[]> {
  const withValues = groups.map(({ name, runs }) => ({
    name,
    runs: dataSources(runs.filter(({ id }) => epochs.has(id))),
  }));
  const ids = withValues.flatMap(({ runs }) => runs.map(({ id }) => id));
  return dataDifferences(withValues, await findSpecs(database, ids));
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

function differenceProblems(differences: readonly string[], { allowDifferentData }: ComparisonRequest): Problem[] {
  if (allowDifferentData || differences.length === 0) return [];
  const message =
    `the runs differ in their data: ${differences.join('; ')}. A difference between them may be one of the data: ` +
    'compare runs of the same data, or set allowDifferentData to have them compared and marked';
  return [{ path: 'allowDifferentData', message }];
}

function pairProblems(groups: readonly RunGroup[], pairs: readonly Pair[]): Problem[] {
  if (pairs.length <= limits.comparedPairs) return [];
  const message = `${groups.length} groups make ${pairs.length} pairs, at most ${limits.comparedPairs} are tested: compare fewer, or WITH_BASELINE`;
  return [{ path: 'pairs', message }];
}

async function findUnknown(database: Services['database'], experimentIds: readonly string[]): Promise<Problem[]> {
  const known = await findExperimentIds(database, experimentIds);
  return experimentIds.flatMap((id, place) =>
    known.includes(id) ? [] : [{ path: `experimentIds.${place}`, message: `there is no experiment "${id}"` }],
  );
}

/** A metric that no run has, although some have others: most likely misspelt, or logged by step alone. */
async function unknownMetric(
  database: Services['database'],
  { metric, experimentIds }: ComparisonRequest,
  epochs: Epochs,
): Promise<Problem | null> {
  const known = [...epochs.values()].some((ofRun) => ofRun.some(({ value }) => value !== null));
  if (known) return null;
  const names = await findMetricNames(database, experimentIds);
  if (names.length === 0) return null;
  const shown = names.slice(0, 50).join(', ');
  return { path: 'metric', message: `no run was evaluated by "${metric}" at the end of an epoch; there are ${shown}` };
}

/** The first call computes, all further ones get what it gave. */
function once<Value>(compute: () => Promise<Value>): () => Promise<Value> {
  let value: Promise<Value> | null = null;
  return () => {
    value ??= compute();
    return value;
  };
}
