import type { Problem } from '../../contract/run-spec';
import type { Services } from '../context/context';
import { findRuns } from '../runs/run-search.store';
import { mapInSlices } from '../shared/breathe';
import { badArguments } from '../shared/errors';
import { inParallel, sharedLanes } from '../shared/in-parallel';
import { limits } from '../shared/limits';
import { downsample, fewestPoints } from './downsample';
import { readHistory } from './history';
import { emptySeries, pointAt, type Series, type SeriesPoint } from './series';

/** Histories read at a time, of all requests together: each may have a million values. */
const inLane = sharedLanes(4);

export interface HistoryRequest {
  runIds: readonly string[];
  names: readonly string[];
  maxPoints: number;
  /** Every value behind `afterStep`, `maxPoints` at a time, instead of a down-sampled whole. */
  exact: boolean;
  afterStep: number | null | undefined;
}

/** One metric of one run. */
export interface MetricSeries {
  runId: string;
  name: string;
  points: SeriesPoint[];
  /** Values there are; with `exact`, behind `afterStep`. */
  totalPoints: number;
  downsampled: boolean;
  /** With `exact`: pass as `afterStep` for the next page; null on the last one, and without `exact`. */
  nextAfterStep: number | null;
  /** Damaged objects of the run that its history was to be read from, with what to do about each. */
  damage: string[];
}

/** Histories of metrics, runs in the order given and names within. @throws GraphQLError with all problems */
export async function metricHistory(services: Services, request: HistoryRequest): Promise<MetricSeries[]> {
  const { runIds, names } = request;
  const problems = requestProblems(request);
  if (problems.length === 0) {
    const known = new Set((await findRuns(services.database, runIds)).map(({ id }) => id));
    runIds.forEach((id, place) => {
      if (!known.has(id)) problems.push({ path: `runIds.${place}`, message: `there is no run "${id}"` });
    });
  }
  if (problems.length > 0) throw badArguments(problems);

  const wanted = new Set(names);
  const series = new Map<string, MetricSeries[]>();
  // Only the points that are given out are kept.
  const [failure] = await inParallel(runIds, async (runId) => {
    const history = await inLane(() => readHistory(services.objects, runId, wanted));
    const { damage } = history;
    const ofRun = await mapInSlices(names, (name) => ({
      runId,
      name,
      ...pointsFor(history.series.get(name) ?? emptySeries(), request),
      damage,
    }));
    series.set(runId, ofRun);
  });
  if (failure !== undefined) throw failure;
  return runIds.flatMap((runId) => series.get(runId)!);
}

function pointsFor(series: Series, { maxPoints, exact, afterStep }: HistoryRequest) {
  const all = series.step.length;
  if (!exact) {
    const points = downsample(series, maxPoints).map((place) => pointAt(series, place));
    return { points, totalPoints: all, downsampled: points.length < all, nextAfterStep: null };
  }
  const behind = afterStep == null ? 0 : firstBehind(series, afterStep);
  // All values of a step stay on one page, so that the next page can begin behind the step.
  const last = series.step[behind + maxPoints - 1];
  const end = last === undefined ? all : firstBehind(series, last);
  const points = Array.from({ length: end - behind }, (_, at) => pointAt(series, behind + at));
  const next = end < all ? points.at(-1)!.step : null;
  return { points, totalPoints: all - behind, downsampled: false, nextAfterStep: next };
}

/** The place of the first value behind a step. */
function firstBehind({ step: steps }: Series, step: number): number {
  let place = 0;
  while (place < steps.length && steps[place]! <= step) place += 1;
  return place;
}

function requestProblems({ runIds, names, maxPoints, exact, afterStep }: HistoryRequest): Problem[] {
  const problems: Problem[] = [];
  const check = (holds: boolean, path: string, message: string) => {
    if (!holds) problems.push({ path, message });
  };
  check(runIds.length > 0, 'runIds', 'is empty: name at least one run');
  check(names.length > 0, 'names', 'is empty: name at least one metric, such as test/accuracy');
  check(new Set(runIds).size === runIds.length, 'runIds', 'names a run twice');
  check(new Set(names).size === names.length, 'names', 'names a metric twice');
  const series = runIds.length * names.length;
  check(
    series <= limits.historySeries,
    'runIds',
    `${runIds.length} runs x ${names.length} metrics are ${series} series, at most ${limits.historySeries} are allowed`,
  );
  check(
    maxPoints >= fewestPoints && maxPoints <= limits.historyPoints,
    'maxPoints',
    `${maxPoints} must be ${fewestPoints} to ${limits.historyPoints}`,
  );
  const values = series * maxPoints;
  check(
    values <= limits.historyValues,
    'maxPoints',
    `${series} series x ${maxPoints} points are ${values} values, at most ${limits.historyValues} are allowed`,
  );
  check(exact || afterStep == null, 'afterStep', 'pages through exact values: ask with exact: true');
  return problems;
}
