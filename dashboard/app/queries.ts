import { graphql, type Operation, type ResultOf, type VariablesOf } from '../../client/operation';

/** Every document the dashboard sends; the types of results are inferred from the schema. A test validates them. */

/** The most the pages ask for at a time; the API's limits on cost, pages, series and values leave room above them. */
export const most = {
  experiments: 20,
  /** Variants whose hyper-parameters are shown. */
  variants: 200,
  /** Runs whose confusion matrices are added up. */
  confusionRuns: 50,
  /** Runs of a page where they are polled. */
  polledRuns: 200,
  /** Metrics of one run that are polled. */
  polledMetrics: 60,
  /** Runs drawn in a chart, and points of each. */
  curveRuns: 60,
  curvePoints: 400,
} as const;

export const viewer = graphql('query Viewer { viewer { name role } }');

export const methodFacts = graphql('query Methods { methods { name kind trains needsTeacher } }');

const experimentRow = graphql(`fragment ExperimentRow on Experiment {
  id name question state tags createdAt archivedAt runCounts { state isOver count }
}`);
export type ExperimentRow = ResultOf<typeof experimentRow>;
export type RunCount = ExperimentRow['runCounts'][number];

export const experiments = graphql(
  `query Experiments($filter: ExperimentFilterInput, $includeArchived: Boolean!, $first: Int!, $after: String) {
  experiments(filter: $filter, includeArchived: $includeArchived, first: $first, after: $after) {
    nodes { ...ExperimentRow }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}`,
  [experimentRow],
);

/** Where a variant takes a model from; exactly one of these. */
export interface VariantModel {
  variant?: string;
  run?: string;
  folder?: string;
  random?: Record<string, number>;
}

/** As the API stores it (its type is JSON in the schema). */
export interface Definition {
  data: { train: string; test: string; textColumn?: string; labelColumn?: string; classes?: string[] };
  teacher: {
    folder?: string;
    random?: Record<string, number>;
    run?: string;
    labels?: { location: string };
    finetune?: { method: string; seed: number; parameters: Record<string, unknown> };
  } | null;
  vectors: string | null;
  parameters: Record<string, unknown>;
  variants: {
    name: string;
    method: string;
    parameters: Record<string, unknown>;
    teacher?: VariantModel;
    student?: VariantModel;
  }[];
  seeds: number[];
  grid: { parameter: string; values: unknown[] }[];
  execution: Record<string, unknown>;
}

const note = graphql('fragment Note on Note { id runId text author createdAt }');
export type Note = ResultOf<typeof note>;

export const experiment = graphql(
  `query Experiment($id: ID!) {
  experiment(id: $id) {
    ...ExperimentRow
    stopReason maxCost definition clonedFrom launchedAt
    costs { cost unpricedRuns billedSeconds energyWattHours estimatedEnergyRuns }
    notes { ...Note }
  }
}`,
  [experimentRow, note],
);
export type ExperimentDetails = NonNullable<ResultOf<typeof experiment>['experiment']>;
export type ExperimentCosts = ExperimentDetails['costs'];

const liveRun = graphql(`fragment LiveRun on Run {
  id position variant groupId method seed state isOver attempt waitingReason cancelRequested revision
  failure { kind message problems { path message } }
  progress { phase step totalSteps epoch totalEpochs elapsedSeconds }
}`);
export type LiveRun = ResultOf<typeof liveRun>;

export const runUpdated = graphql(
  `subscription RunUpdated($experimentId: ID!, $after: String) {
  runUpdated(experimentId: $experimentId, after: $after) { cursor run { ...LiveRun } }
}`,
  [liveRun],
);

/** Which runs of an experiment change. */
export const runRevised = graphql(`subscription RunRevised($experimentId: ID!, $after: String) {
  runUpdated(experimentId: $experimentId, after: $after) { cursor run { id revision } }
}`);

/** The same facts as the events of `runUpdated`, for browsers that reach no WebSocket. */
export const runsOfExperiment = graphql(
  `query RunsOfExperiment($experimentId: String!, $first: Int!, $after: String) {
  runs(filter: { experimentId: { eq: $experimentId } }, first: $first, after: $after) {
    nodes { ...LiveRun }
    pageInfo { hasNextPage endCursor }
  }
}`,
  [liveRun],
);

/** Hyper-parameters of some runs: one of each variant is enough, since they differ in the seed alone. */
export const parametersOfRuns = graphql(`query ParametersOfRuns($ids: [String!]!, $first: Int!) {
  runs(filter: { id: { in: $ids } }, first: $first) { nodes { id parameters { name text } } }
}`);
export type Parameter = ResultOf<typeof parametersOfRuns>['runs']['nodes'][number]['parameters'][number];

export const metricsOfRuns = graphql(`query MetricsOfRuns($ids: [String!]!, $first: Int!) {
  runs(filter: { id: { in: $ids } }, first: $first) { nodes { id seed metrics { name last } } }
}`);

const seedValue = graphql('fragment SeedValue on SeedValue { runId seed epoch value }');
export type SeedValue = ResultOf<typeof seedValue>;

export const compare = graphql(
  `query Compare(
  $experimentIds: [ID!]!, $metric: String!, $at: ComparisonPointInput!, $baseline: String, $pairs: ComparedPairs!,
  $allowDifferentData: Boolean!
) {
  compare(
    experimentIds: $experimentIds, metric: $metric, at: $at, baseline: $baseline, pairs: $pairs
    allowDifferentData: $allowDifferentData
  ) {
    __typename
    ... on Comparison {
      metric higherIsBetter baseline selectedOnTest
      warnings { kind message }
      families { tTests wilcoxons mcNemars }
      pairs {
        groupId name againstId againstName seeds difference detectable
        verdict { kind text }
        interval { low high }
        tTest { statistic holmP }
        wilcoxon { holmP }
        effectSize { hedgesGz }
        mcNemar { holmP }
        bootstrap { interval { low high } }
        warnings { kind message }
      }
      groups {
        id name n mean standardDeviation difference
        interval { low high }
        best { ...SeedValue }
        worst { ...SeedValue }
        values { ...SeedValue }
        missing { runId seed state reason }
      }
    }
    ... on InvalidInput { problems { path message } }
  }
}`,
  [seedValue],
);
export type ComparisonPoint = VariablesOf<typeof compare>['at']['point'];
export type ComparedPairs = VariablesOf<typeof compare>['pairs'];
export type Comparison = Extract<ResultOf<typeof compare>['compare'], { __typename: 'Comparison' }>;
export type ComparedGroup = Comparison['groups'][number];
export type ComparedPair = Comparison['pairs'][number];
export type Interval = NonNullable<ComparedPair['interval']>;

export const metricHistory = graphql(`query MetricHistory($runIds: [ID!]!, $names: [String!]!, $maxPoints: Int!) {
  metricHistory(runIds: $runIds, names: $names, maxPoints: $maxPoints) {
    runId name downsampled
    points { step epoch elapsedSeconds value }
  }
}`);
export type MetricPoint = ResultOf<typeof metricHistory>['metricHistory'][number]['points'][number];

export const run = graphql(
  `query Run($id: ID!) {
  run(id: $id) {
    ...LiveRun
    experiment { id name }
    dependsOn
    engine device trainedParameters modelBytes selectedEpoch resultNotes damage startedAt finishedAt
    instanceType pricePerHour billedSeconds cost energyWattHours energySource
    parameters { name text }
    attempts {
      number outcome host engine device resumedFromStep startedAt endedAt exitCode failureMessage capacity priceSource
    }
    notes { ...Note }
  }
}`,
  [liveRun, note],
);
export type RunDetails = NonNullable<ResultOf<typeof run>['run']>;

export const metricsLogged = graphql(`subscription MetricsLogged($runId: ID!, $after: String) {
  metricsLogged(runId: $runId, after: $after) {
    cursor attempt resumedFromStep
    records { step epoch elapsedSeconds scope values { name value } }
  }
}`);
export type MetricsEvent = ResultOf<typeof metricsLogged>['metricsLogged'];
export type LoggedRecord = MetricsEvent['records'][number];

/** A mutation that changes one thing, and its result: done, or why not. */
export type Change<Variables> = Operation<{ change: { __typename: string; problems?: readonly Problem[] } }, Variables>;
export interface Problem {
  path: string;
  message: string;
}

export const launchExperiment = graphql(`mutation Launch($id: ID!, $key: String) {
  change: launchExperiment(id: $id, clientRequestId: $key) { __typename ... on Failure { problems { path message } } }
}`);
export const cancelExperiment = graphql(`mutation Cancel($id: ID!) {
  change: cancelExperiment(id: $id) { __typename ... on Failure { problems { path message } } }
}`);
export const retryFailedRuns = graphql(`mutation RetryFailed($id: ID!, $key: String) {
  change: retryFailedRuns(id: $id, clientRequestId: $key) { __typename ... on Failure { problems { path message } } }
}`);
export const setMaxCost = graphql(`mutation SetMaxCost($id: ID!, $maxCost: Float) {
  change: setMaxCost(id: $id, maxCost: $maxCost) { __typename ... on Failure { problems { path message } } }
}`);
export const cancelRun = graphql(`mutation CancelRun($id: ID!) {
  change: cancelRun(runId: $id) { __typename ... on Failure { problems { path message } } }
}`);
export const retryRun = graphql(`mutation RetryRun($id: ID!, $key: String) {
  change: retryRun(runId: $id, clientRequestId: $key) { __typename ... on Failure { problems { path message } } }
}`);
