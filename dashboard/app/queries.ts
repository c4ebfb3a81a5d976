import type { RunState } from '../../contract/run-states';
import type { MethodFacts } from '../../presentation/methods';
import type { VerdictKind } from '../../presentation/statistics';

/** A GraphQL document with the types of what it takes and what it gives. */
export interface Operation<Data, Variables> {
  text: string;
  readonly types?: (variables: Variables) => Data;
}

/** Every document the dashboard sends, with the types of what comes back. A test validates them against the schema. */
const operation = <Data, Variables>(text: string): Operation<Data, Variables> => ({ text });

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

export interface RunCount {
  state: RunState;
  isOver: boolean;
  count: number;
}
export interface Problem {
  path: string;
  message: string;
}
export interface Note {
  id: string;
  runId: string | null;
  text: string;
  author: string;
  createdAt: string;
}
type Failure = { __typename: 'InvalidInput' | 'NotFound' | 'Conflict'; problems: Problem[] };

export const viewer = operation<{ viewer: { name: string; role: 'VIEWER' | 'EDITOR' | 'ADMIN' } }, object>(
  'query Viewer { viewer { name role } }',
);

export const methodFacts = operation<{ methods: MethodFacts[] }, object>(
  'query Methods { methods { name trains needsTeacher } }',
);

export interface ExperimentRow {
  id: string;
  name: string;
  question: string;
  state: 'draft' | 'launched' | 'stopped' | 'cancelled';
  tags: string[];
  createdAt: string;
  archivedAt: string | null;
  runCounts: RunCount[];
}

export const experiments = operation<
  {
    experiments: {
      nodes: ExperimentRow[];
      pageInfo: { hasNextPage: boolean; endCursor: string | null };
      totalCount: number;
    };
  },
  { filter: object | null; includeArchived: boolean; first: number; after: string | null }
>(`query Experiments($filter: ExperimentFilterInput, $includeArchived: Boolean!, $first: Int!, $after: String) {
  experiments(filter: $filter, includeArchived: $includeArchived, first: $first, after: $after) {
    nodes { id name question state tags createdAt archivedAt runCounts { state isOver count } }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}`);

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

export interface ExperimentCosts {
  cost: number;
  unpricedRuns: number;
  billedSeconds: number;
  energyWattHours: number;
  estimatedEnergyRuns: number;
}

export interface ExperimentDetails extends ExperimentRow {
  stopReason: string | null;
  maxCost: number | null;
  costs: ExperimentCosts;
  definition: Definition;
  clonedFrom: string | null;
  launchedAt: string | null;
  notes: Note[];
}

export const experiment = operation<{ experiment: ExperimentDetails | null }, { id: string }>(
  `query Experiment($id: ID!) {
  experiment(id: $id) {
    id name question state stopReason maxCost tags definition clonedFrom createdAt launchedAt archivedAt
    runCounts { state isOver count }
    costs { cost unpricedRuns billedSeconds energyWattHours estimatedEnergyRuns }
    notes { id runId text author createdAt }
  }
}`,
);

export interface LiveRun {
  id: string;
  position: number;
  variant: string;
  groupId: string;
  method: string;
  seed: number;
  state: RunState;
  isOver: boolean;
  attempt: number;
  waitingReason: string | null;
  cancelRequested: boolean;
  failure: { kind: string; message: string; problems: Problem[] } | null;
  progress: {
    phase: string | null;
    step: number;
    totalSteps: number;
    epoch: number;
    totalEpochs: number;
    elapsedSeconds: number;
  };
  revision: number;
}

const liveRunFields = `fragment LiveRun on Run {
  id position variant groupId method seed state isOver attempt waitingReason cancelRequested revision
  failure { kind message problems { path message } }
  progress { phase step totalSteps epoch totalEpochs elapsedSeconds }
}`;

export const runUpdated = operation<
  { runUpdated: { cursor: string; run: LiveRun } },
  { experimentId: string; after: string | null }
>(`subscription RunUpdated($experimentId: ID!, $after: String) {
  runUpdated(experimentId: $experimentId, after: $after) { cursor run { ...LiveRun } }
}
${liveRunFields}`);

/** What `runUpdated` tells, for browsers that reach no WebSocket. */
export const runsOfExperiment = operation<
  { runs: { nodes: LiveRun[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } },
  { experimentId: string; first: number; after: string | null }
>(`query RunsOfExperiment($experimentId: String!, $first: Int!, $after: String) {
  runs(filter: { experimentId: { eq: $experimentId } }, first: $first, after: $after) {
    nodes { ...LiveRun }
    pageInfo { hasNextPage endCursor }
  }
}
${liveRunFields}`);

export interface Parameter {
  name: string;
  text: string;
}

/** Hyper-parameters of some runs: one of each variant is enough, since they differ in the seed alone. */
export const parametersOfRuns = operation<
  { runs: { nodes: { id: string; parameters: Parameter[] }[] } },
  { ids: string[]; first: number }
>(`query ParametersOfRuns($ids: [String!]!, $first: Int!) {
  runs(filter: { id: { in: $ids } }, first: $first) { nodes { id parameters { name text } } }
}`);

export const metricsOfRuns = operation<
  { runs: { nodes: { id: string; seed: number; metrics: { name: string; last: number }[] }[] } },
  { ids: string[]; first: number }
>(`query MetricsOfRuns($ids: [String!]!, $first: Int!) {
  runs(filter: { id: { in: $ids } }, first: $first) { nodes { id seed metrics { name last } } }
}`);

export type ComparisonPoint = 'BEST_ON_DEV' | 'FINAL' | 'EPOCH' | 'WALL_CLOCK' | 'BEST_ON_TEST';
export type ComparedPairs = 'WITH_BASELINE' | 'ALL';
export interface Interval {
  low: number;
  high: number;
}
export interface SeedValue {
  runId: string;
  seed: number;
  epoch: number;
  value: number;
}
export interface ComparedGroup {
  id: string;
  name: string;
  n: number;
  mean: number | null;
  standardDeviation: number | null;
  interval: Interval | null;
  best: SeedValue | null;
  worst: SeedValue | null;
  values: SeedValue[];
  missing: { runId: string; seed: number; state: RunState; reason: string }[];
  difference: number | null;
}
export interface ComparedPair {
  groupId: string;
  name: string;
  againstId: string;
  againstName: string;
  verdict: { kind: VerdictKind; text: string };
  seeds: number[];
  difference: number | null;
  interval: Interval | null;
  tTest: { statistic: number; holmP: number } | null;
  wilcoxon: { holmP: number } | null;
  effectSize: { hedgesGz: number | null } | null;
  mcNemar: { holmP: number } | null;
  bootstrap: { interval: Interval } | null;
  detectable: number | null;
  warnings: { kind: string; message: string }[];
}
export interface Comparison {
  __typename: 'Comparison';
  metric: string;
  higherIsBetter: boolean;
  baseline: string | null;
  groups: ComparedGroup[];
  selectedOnTest: boolean;
  warnings: { kind: string; message: string }[];
  pairs: ComparedPair[];
  families: { tTests: number; wilcoxons: number; mcNemars: number };
}

export const compare = operation<
  { compare: Comparison | Failure },
  {
    experimentIds: string[];
    metric: string;
    at: { point: ComparisonPoint; epoch?: number; seconds?: number };
    baseline: string | null;
    pairs: ComparedPairs;
    allowDifferentData: boolean;
  }
>(`query Compare(
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
}
fragment SeedValue on SeedValue { runId seed epoch value }`);

export interface MetricPoint {
  step: number;
  epoch: number;
  elapsedSeconds: number;
  value: number | null;
}

export const metricHistory = operation<
  { metricHistory: { runId: string; name: string; downsampled: boolean; points: MetricPoint[] }[] },
  { runIds: string[]; names: string[]; maxPoints: number }
>(`query MetricHistory($runIds: [ID!]!, $names: [String!]!, $maxPoints: Int!) {
  metricHistory(runIds: $runIds, names: $names, maxPoints: $maxPoints) {
    runId name downsampled
    points { step epoch elapsedSeconds value }
  }
}`);

export interface RunDetails extends LiveRun {
  experiment: { id: string; name: string };
  engine: string | null;
  device: string | null;
  trainedParameters: number | null;
  modelBytes: number | null;
  selectedEpoch: number | null;
  resultNotes: string[];
  damage: string[];
  startedAt: string | null;
  finishedAt: string | null;
  instanceType: string | null;
  pricePerHour: number | null;
  billedSeconds: number | null;
  cost: number | null;
  energyWattHours: number | null;
  energySource: 'measured' | 'estimated' | null;
  parameters: Parameter[];
  attempts: {
    number: number;
    outcome: string;
    host: string | null;
    engine: string | null;
    device: string | null;
    resumedFromStep: number | null;
    startedAt: string;
    endedAt: string | null;
    exitCode: number | null;
    failureMessage: string | null;
    capacity: string | null;
    priceSource: string | null;
  }[];
  notes: Note[];
}

export const run = operation<{ run: RunDetails | null }, { id: string }>(`query Run($id: ID!) {
  run(id: $id) {
    ...LiveRun
    experiment { id name }
    engine device trainedParameters modelBytes selectedEpoch resultNotes damage startedAt finishedAt
    instanceType pricePerHour billedSeconds cost energyWattHours energySource
    parameters { name text }
    attempts {
      number outcome host engine device resumedFromStep startedAt endedAt exitCode failureMessage capacity priceSource
    }
    notes { id runId text author createdAt }
  }
}
${liveRunFields}`);

export interface LoggedRecord {
  step: number;
  epoch: number;
  elapsedSeconds: number;
  scope: string;
  values: { name: string; value: number | null }[];
}
export interface MetricsEvent {
  cursor: string;
  attempt: number;
  resumedFromStep: number | null;
  records: LoggedRecord[];
}

export const metricsLogged = operation<{ metricsLogged: MetricsEvent }, { runId: string; after: string | null }>(
  `subscription MetricsLogged($runId: ID!, $after: String) {
  metricsLogged(runId: $runId, after: $after) {
    cursor attempt resumedFromStep
    records { step epoch elapsedSeconds scope values { name value } }
  }
}`,
);

/** Each mutation changes one thing by its id, and says what it did or why not. */
type Change = Operation<{ change: { __typename: string } | Failure }, { id: string; key: string }>;
const change = (text: string): Change => operation(text);
const outcome = '{ __typename ... on Failure { problems { path message } } }';

export const launchExperiment = change(
  `mutation Launch($id: ID!, $key: String) { change: launchExperiment(id: $id, clientRequestId: $key) ${outcome} }`,
);
export const cancelExperiment = change(`mutation Cancel($id: ID!) { change: cancelExperiment(id: $id) ${outcome} }`);
export const retryFailedRuns = change(
  `mutation RetryFailed($id: ID!, $key: String) { change: retryFailedRuns(id: $id, clientRequestId: $key) ${outcome} }`,
);
export const setMaxCost: Operation<
  { change: { __typename: string } | Failure },
  { id: string; maxCost: number | null; key: string }
> = operation(
  `mutation SetMaxCost($id: ID!, $maxCost: Float) { change: setMaxCost(id: $id, maxCost: $maxCost) ${outcome} }`,
);
export const cancelRun = change(`mutation CancelRun($id: ID!) { change: cancelRun(runId: $id) ${outcome} }`);
export const retryRun = change(
  `mutation RetryRun($id: ID!, $key: String) { change: retryRun(runId: $id, clientRequestId: $key) ${outcome} }`,
);
