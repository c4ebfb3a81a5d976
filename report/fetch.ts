import { fetchComparison } from '../client/comparison';
import { findExperiment } from '../client/find-experiment';
import type { Api } from '../client/graphql';
import type { Moment } from '../client/moment';
import type { ResultOf } from '../client/operation';
import { classScoreName } from '../contract/metric-names';
import { isConfusionName } from '../contract/metrics';
import { classesIn } from '../presentation/confusion';
import { type MethodFacts, trainsTeacher, usualBaseline } from '../presentation/methods';
import * as queries from './queries';

/** Everything a report tells, as the API has it now. */
export interface ReportData {
  experiment: queries.Experiment;
  runs: queries.Run[];
  methods: MethodFacts[];
  /** By the name of the variant, in their order. */
  settings: Map<string, queries.Settings>;
  /** Of every run with a result. */
  provenance: queries.Provenance[];
  at: Moment;
  accuracy: queries.Comparison;
  macroF1: queries.Comparison;
  history: queries.Series[];
  /** Test cells and F1 of every class, by run and epoch; null: none logged, or too many classes to be read. */
  confusion: queries.Series[] | null;
}

/** What the report cannot do, in words for the person who asked for it. */
export class NoReport extends Error {}

const pageSize = 200;
/** Series of one request; the API takes 200. */
const seriesAtATime = 180;
/** Beyond this many classes a matrix is no longer read. */
const mostClasses = 12;

export interface Wanted {
  experiment: string;
  at: Moment;
  baseline?: string | undefined;
  allowDifferentData: boolean;
}

/** @throws NoReport where no run has finished; ApiError where there is no such experiment, or it cannot be compared */
export async function fetchReport(api: Api, wanted: Wanted): Promise<ReportData> {
  const id = await findExperiment(api, wanted.experiment);
  const experiment = (await api.request(queries.experiment, { id })).experiment!;
  const runs = await fetchRuns(api, id);
  if (!runs.some(({ state }) => state === 'SUCCEEDED'))
    throw new NoReport(`"${experiment.name}" has no finished run yet: there is nothing to report`);
  const { methods } = await api.request(queries.methods, {});
  const baseline = wanted.baseline ?? baselineOf(runs, methods);
  const compare = (metric: string) => fetchComparison(api, queries.compare, { ...wanted, id, metric, baseline });
  const accuracy = await compare('test/accuracy');
  const finished = runs.filter(({ state }) => state === 'SUCCEEDED');
  return {
    experiment,
    runs,
    methods,
    settings: await fetchSettings(api, runs),
    provenance: await fetchProvenance(api, finished),
    at: wanted.at,
    accuracy,
    macroF1: await compare('test/macro-f1'),
    history: await fetchHistory(api, finished, ['test/accuracy', 'test/macro-f1']),
    confusion: await fetchConfusion(api, finished),
  };
}

async function fetchRuns(api: Api, experimentId: string): Promise<queries.Run[]> {
  const all: queries.Run[] = [];
  for (let after: string | null = null; ; ) {
    const { runs }: ResultOf<typeof queries.runs> = await api.request(queries.runs, {
      experimentId,
      first: pageSize,
      after,
    });
    all.push(...runs.nodes);
    if (!runs.pageInfo.hasNextPage) return all;
    after = runs.pageInfo.endCursor;
  }
}

/** Without a variant that needs no teacher: the first student, else whatever there is. */
function baselineOf(runs: readonly queries.Run[], methods: readonly MethodFacts[]): string {
  const student = runs.find(({ method }) => !trainsTeacher(methods, method));
  return (usualBaseline(runs, methods) ?? student ?? runs[0]!).variant;
}

async function fetchSettings(api: Api, runs: readonly queries.Run[]): Promise<Map<string, queries.Settings>> {
  const first = new Map<string, queries.Run>();
  for (const run of runs) if (!first.has(run.variant)) first.set(run.variant, run);
  const settings = new Map<string, queries.Settings>();
  for (const chunk of chunksOf([...first.values()], pageSize)) {
    const ids = chunk.map(({ id }) => id);
    const { runs: found } = await api.request(queries.settings, { ids, first: ids.length });
    for (const { variant, id } of chunk) settings.set(variant, found.nodes.find((run) => run.id === id)!);
  }
  return settings;
}

async function fetchProvenance(api: Api, finished: readonly queries.Run[]): Promise<queries.Provenance[]> {
  const all: queries.Provenance[] = [];
  for (const chunk of chunksOf(finished, pageSize)) {
    const ids = chunk.map(({ id }) => id);
    const { runs } = await api.request(queries.provenance, { ids, first: ids.length });
    all.push(...runs.nodes.flatMap(({ provenance }) => provenance ?? []));
  }
  return all;
}

async function fetchHistory(
  api: Api,
  runs: readonly queries.Run[],
  names: readonly string[],
): Promise<queries.Series[]> {
  const series: queries.Series[] = [];
  for (const chunk of chunksOf(runs, Math.max(1, Math.floor(seriesAtATime / names.length)))) {
    const runIds = chunk.map(({ id }) => id);
    const { metricHistory } = await api.request(queries.history, { runIds, names: [...names] });
    series.push(...metricHistory);
  }
  return series;
}

async function fetchConfusion(api: Api, finished: readonly queries.Run[]): Promise<queries.Series[] | null> {
  const { run } = await api.request(queries.metricNames, { id: finished.at(-1)!.id });
  const names = run!.metrics.map(({ name }) => name);
  const classes = classesIn(names);
  const cells = names.filter((name) => isConfusionName(name, 'test'));
  if (cells.length === 0 || classes.length > mostClasses) return null;
  const scores = classes.map((label) => classScoreName('test', label, 'f1'));
  return fetchHistory(api, finished, [...scores, ...cells]);
}

function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
