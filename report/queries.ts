import type { VerdictKind } from '../presentation/statistics';

/** Every document the report sends, with the types of what comes back. A test validates them against the schema. */

export interface Experiment {
  id: string;
  name: string;
  question: string;
  state: string;
  stopReason: string | null;
  tags: string[];
  definition: Definition;
  createdAt: string;
  launchedAt: string | null;
  notes: { text: string; author: string; createdAt: string }[];
  presentation: ResultTable[];
}

/** As the API stores it (its type is JSON in the schema). */
export interface Definition extends Record<string, unknown> {
  variants: { name: string; method: string }[];
  seeds: number[];
}

export interface ResultTable {
  title: string;
  notes: string[];
  columns: {
    name: string;
    unit: 'share' | 'difference' | 'seconds' | 'count';
    selectedOnTest: boolean;
    reported: boolean;
  }[];
  rows: { label: string; cells: { value: number | null; standardDeviation: number | null; n: number }[] }[];
}

export const experiment = `query Experiment($id: ID!) {
  experiment(id: $id) {
    id name question state stopReason tags definition createdAt launchedAt
    notes { text author createdAt }
    presentation {
      title notes
      columns { name unit selectedOnTest reported }
      rows { label cells { value standardDeviation n } }
    }
  }
}`;

export interface Attempt {
  number: number;
  outcome: string;
  host: string | null;
  instanceType: string | null;
  capacity: string | null;
  pricePerHour: number | null;
  priceSource: string | null;
}

export interface Run {
  id: string;
  variant: string;
  groupId: string;
  method: string;
  seed: number;
  state: string;
  engine: string | null;
  device: string | null;
  trainedParameters: number | null;
  modelBytes: number | null;
  selectedEpoch: number | null;
  resultNotes: string[];
  damage: string[];
  failure: { message: string } | null;
  progress: { elapsedSeconds: number };
  billedSeconds: number | null;
  energyWattHours: number | null;
  energySource: 'measured' | 'estimated' | null;
  cost: number | null;
  attempts: Attempt[];
}

export const runs = `query Runs($experimentId: String!, $first: Int!, $after: String) {
  runs(filter: { experimentId: { eq: $experimentId } }, orderBy: [{ field: POSITION }], first: $first, after: $after) {
    nodes {
      id variant groupId method seed state engine device trainedParameters modelBytes selectedEpoch resultNotes damage
      failure { message }
      progress { elapsedSeconds }
      billedSeconds energyWattHours energySource cost
      attempts { number outcome host instanceType capacity pricePerHour priceSource }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** What a run was, resolved: the hyper-parameters its method reads, and where everything came from. */
export interface Settings {
  spec: {
    method: string;
    data: Record<string, unknown>;
    teacher: Record<string, unknown> | null;
    student: Record<string, unknown> | null;
  };
  parameters: { name: string; text: string }[];
}

/** Of one run of each variant: they differ in the seed alone. */
export const settings = `query Settings($ids: [String!]!, $first: Int!) {
  runs(filter: { id: { in: $ids } }, first: $first) { nodes { id spec parameters { name text } } }
}`;

/** What results were made from, as their trainers wrote it down. */
export interface Provenance {
  code: string[];
  node: string[];
  /** null where the result is damaged. */
  rows: Record<'train' | 'quiz' | 'dev' | 'test', number> | null;
  trainFile: { sha256: string; rows: number } | null;
  testFile: { sha256: string; rows: number } | null;
  damage: string[];
}

export const provenance = `query Provenance($ids: [String!]!, $first: Int!) {
  runs(filter: { id: { in: $ids } }, first: $first) {
    nodes {
      provenance { code node rows { train quiz dev test } trainFile { sha256 rows } testFile { sha256 rows } damage }
    }
  }
}`;

/** Names of everything one run logged. */
export const methods = 'query Methods { methods { name trains needsTeacher } }';

export const metricNames = `query MetricNames($id: ID!) { run(id: $id) { metrics { name } } }`;

export interface Series {
  runId: string;
  name: string;
  points: { epoch: number; elapsedSeconds: number; value: number | null }[];
  damage: string[];
}

export const history = `query History($runIds: [ID!]!, $names: [String!]!) {
  metricHistory(runIds: $runIds, names: $names, maxPoints: 400) {
    runId name points { epoch elapsedSeconds value } damage
  }
}`;

export interface Interval {
  low: number;
  high: number;
}

export interface SeedValue {
  runId: string;
  seed: number;
  epoch: number;
  elapsedSeconds: number;
  value: number;
}

export interface Group {
  id: string;
  name: string;
  n: number;
  mean: number | null;
  standardDeviation: number | null;
  interval: Interval | null;
  values: SeedValue[];
  missing: { seed: number; reason: string }[];
}

export interface Pair {
  groupId: string;
  name: string;
  againstId: string;
  againstName: string;
  verdict: { kind: VerdictKind; text: string };
  seeds: number[];
  difference: number | null;
  interval: Interval | null;
  tTest: { statistic: number; degreesOfFreedom: number; p: number; holmP: number } | null;
  wilcoxon: { statistic: number; method: string; p: number; holmP: number } | null;
  effectSize: { cohenDz: number; hedgesGz: number | null } | null;
  mcNemar: { p: number; holmP: number; seeds: { seed: number; first: number; second: number; p: number }[] } | null;
  bootstrap: { interval: Interval; resamples: number; seeds: number; rows: number } | null;
  detectable: number | null;
  seedsForPoint: number | null;
  warnings: { kind: string; message: string }[];
}

export interface Comparison {
  metric: string;
  baseline: string | null;
  selectedOnTest: boolean;
  dataDifferences: string[];
  groups: Group[];
  pairs: Pair[];
  families: { tTests: number; wilcoxons: number; mcNemars: number };
  warnings: { kind: string; message: string }[];
}

export const compare = `query Compare(
  $id: ID!, $metric: String!, $at: ComparisonPointInput!, $baseline: String, $pairs: ComparedPairs!, $allowDifferentData: Boolean!
) {
  compare(
    experimentIds: [$id], metric: $metric, at: $at, baseline: $baseline, pairs: $pairs, allowDifferentData: $allowDifferentData
  ) {
    ... on Comparison {
      metric baseline selectedOnTest dataDifferences
      groups {
        id name n mean standardDeviation
        interval { low high }
        values { runId seed epoch elapsedSeconds value }
        missing { seed reason }
      }
      pairs {
        groupId name againstId againstName
        verdict { kind text }
        seeds difference
        interval { low high }
        tTest { statistic degreesOfFreedom p holmP }
        wilcoxon { statistic method p holmP }
        effectSize { cohenDz hedgesGz }
        mcNemar { p holmP seeds { seed first second p } }
        bootstrap { interval { low high } resamples seeds rows }
        detectable
        seedsForPoint: seedsNeeded(difference: 0.01)
        warnings { kind message }
      }
      families { tTests wilcoxons mcNemars }
      warnings { kind message }
    }
    ... on Failure { problems { path message } }
  }
}`;
