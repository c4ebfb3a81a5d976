import { type Api, ApiError } from './graphql';
import { graphql, type Operation, type ResultOf, type VariablesOf } from './operation';

/** A comparison by one metric. The table shows a part of it; `--json` prints all of it. */
export const compareQuery = graphql(`query Compare(
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
fragment SeedValue on SeedValue { runId seed epoch value }`);
export type Comparison = Compared<ResultOf<typeof compareQuery>>;
export type ComparedGroup = Comparison['groups'][number];
export type ComparedPair = Comparison['pairs'][number];
export type SeedValue = ComparedGroup['values'][number];

interface Refused {
  problems: readonly { path: string; message: string }[];
}

/** The comparison in the result of an operation that also selects the problems of a failure. */
export type Compared<Data extends { compare: object }> = Exclude<Data['compare'], Refused>;

/**
 * Compares with tests of all pairs of variants; if the API refuses so many, with tests against the baseline only.
 * @param operation like `compareQuery`, with a variable `pairs`
 * @throws ApiError with all problems, each by the command's option that it is about
 */
export async function fetchComparison<Data extends { compare: object }, Variables extends { pairs: Pairs }>(
  api: Api,
  operation: Operation<Data, Variables>,
  variables: Omit<Variables, 'pairs'>,
): Promise<Compared<Data>> {
  const ask = async (pairs: Pairs): Promise<Compared<Data> | Refused> =>
    (await api.request(operation, { ...variables, pairs } as Variables)).compare as Compared<Data> | Refused;
  let outcome = await ask('ALL');
  if (isRefused(outcome) && outcome.problems.every(({ path }) => path === 'pairs'))
    outcome = await ask('WITH_BASELINE');
  if (!isRefused(outcome)) return outcome;
  throw new ApiError(outcome.problems.map(({ path, message }) => `${optionOf(path)}: ${message}`).join('\n'));
}

type Pairs = VariablesOf<typeof compareQuery>['pairs'];

const isRefused = (outcome: object): outcome is Refused => 'problems' in outcome;

const optionOf = (path: string): string =>
  path.startsWith('at') ? '--at' : path === 'allowDifferentData' ? '--allow-different-data' : `--${path}`;
