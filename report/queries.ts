import type { Compared } from '../client/comparison';
import { graphql, type ResultOf } from '../client/operation';

/** Every document the report sends; the types of results are inferred from the schema. A test validates them. */

export const experiment = graphql(`query Experiment($id: ID!) {
  experiment(id: $id) {
    id name question state stopReason tags definition createdAt launchedAt
    notes { text author createdAt }
    presentation {
      title notes
      columns { name unit selectedOnTest reported }
      rows { label cells { value standardDeviation n } }
    }
  }
}`);
export type Experiment = NonNullable<ResultOf<typeof experiment>['experiment']>;
export type ResultTable = Experiment['presentation'][number];

/** As the API stores it (its type is JSONObject in the schema). */
export interface Definition extends Record<string, unknown> {
  variants: { name: string; method: string }[];
  seeds: number[];
}

export const runs = graphql(`query Runs($experimentId: String!, $first: Int!, $after: String) {
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
}`);
export type Run = ResultOf<typeof runs>['runs']['nodes'][number];
export type Attempt = Run['attempts'][number];

/** The hyper-parameters that a run's method reads, and its inputs. Of one run of each variant: they differ in the seed alone. */
export const settings = graphql(`query Settings($ids: [String!]!, $first: Int!) {
  runs(filter: { id: { in: $ids } }, first: $first) { nodes { id spec parameters { name text } } }
}`);
export type Settings = ResultOf<typeof settings>['runs']['nodes'][number];

/** The resolved definition of a run (its type is JSONObject in the schema). */
export interface Spec {
  method: string;
  data: Record<string, unknown>;
  teacher: Record<string, unknown> | null;
  student: Record<string, unknown> | null;
}

/** Code and data of results, as their trainers recorded them. */
export const provenance = graphql(`query Provenance($ids: [String!]!, $first: Int!) {
  runs(filter: { id: { in: $ids } }, first: $first) {
    nodes {
      provenance { code node rows { train quiz dev test } trainFile { sha256 rows } testFile { sha256 rows } damage }
    }
  }
}`);
export type Provenance = NonNullable<ResultOf<typeof provenance>['runs']['nodes'][number]['provenance']>;

export const methods = graphql('query Methods { methods { name kind trains needsTeacher } }');

/** Names of everything one run logged. */
export const metricNames = graphql(`query MetricNames($id: ID!) { run(id: $id) { metrics { name } } }`);

export const history = graphql(`query History($runIds: [ID!]!, $names: [String!]!) {
  metricHistory(runIds: $runIds, names: $names, maxPoints: 400) {
    runId name points { epoch elapsedSeconds value } damage
  }
}`);
export type Series = ResultOf<typeof history>['metricHistory'][number];

export const compare = graphql(`query Compare(
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
}`);
export type Comparison = Compared<ResultOf<typeof compare>>;
export type Group = Comparison['groups'][number];
export type Pair = Comparison['pairs'][number];
export type SeedValue = Group['values'][number];
export type Interval = NonNullable<Pair['interval']>;
