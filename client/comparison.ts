import { type Api, ApiError } from './graphql';
import type { Moment } from './moment';

export interface SeedValue {
  runId: string;
  seed: number;
  epoch: number;
  value: number;
}

export interface ComparedGroup {
  name: string;
  n: number;
  mean: number | null;
  standardDeviation: number | null;
  interval: { low: number; high: number } | null;
  best: { seed: number; value: number } | null;
  worst: { seed: number; value: number } | null;
}

/** A comparison by one metric, as far as its table needs it. */
export interface Comparison {
  groups: ComparedGroup[];
  pairs: { verdict: { kind: string; text: string } }[];
  warnings: { message: string }[];
}

/** All that the API says, for programs: what the query asks for beside the table's fields is printed as it comes. */
export const compareQuery = `query Compare(
  $experimentIds: [ID!]!, $metric: String!, $at: ComparisonPointInput!, $baseline: String, $pairs: ComparedPairs!,
  $allowDifferentData: Boolean!
) {
  compare(
    experimentIds: $experimentIds, metric: $metric, at: $at, baseline: $baseline, pairs: $pairs
    allowDifferentData: $allowDifferentData
  ) {
    ... on Comparison {
      metric higherIsBetter baseline selectedOnTest
      groups {
        id name n mean standardDeviation difference
        interval { low high }
        best { ...SeedValue }
        worst { ...SeedValue }
        values { ...SeedValue }
        missing { runId seed state reason }
      }
      pairs {
        name againstName seeds difference detectable
        verdict { kind text }
        interval { low high }
        tTest { statistic p holmP }
        wilcoxon { p holmP }
        effectSize { hedgesGz }
        mcNemar { p holmP }
        bootstrap { interval { low high } }
        warnings { kind message }
      }
      warnings { kind message }
    }
    ... on Failure { problems { path message } }
  }
}
fragment SeedValue on SeedValue { runId seed epoch value }`;

export interface Compared {
  metric: string;
  at: Moment;
  baseline: string | null;
  allowDifferentData: boolean;
}

interface Refused {
  problems: { path: string; message: string }[];
}

/**
 * Compares with tests of all pairs of variants; of so many that the API refuses them, with those against the baseline.
 * @param query one like `compareQuery`, with a variable `pairs`
 * @throws ApiError with all problems, each by the option of a command that it comes from
 */
export async function fetchComparison<Outcome extends object>(
  api: Api,
  query: string,
  variables: Compared & Record<string, unknown>,
): Promise<Outcome> {
  const ask = async (pairs: 'ALL' | 'WITH_BASELINE') =>
    (await api.request<{ compare: Outcome | Refused }>(query, { ...variables, pairs })).compare;
  let outcome = await ask('ALL');
  if ('problems' in outcome && outcome.problems.every(({ path }) => path === 'pairs'))
    outcome = await ask('WITH_BASELINE');
  if (!('problems' in outcome)) return outcome;
  throw new ApiError(outcome.problems.map(({ path, message }) => `${optionOf(path)}: ${message}`).join('\n'));
}

const optionOf = (path: string): string =>
  path.startsWith('at') ? '--at' : path === 'allowDifferentData' ? '--allow-different-data' : `--${path}`;
