import { type ComparedGroup, type ComparedPair, compareQuery, fetchComparison } from './comparison';
import type { Api } from './graphql';

const axisWidth = 32;

/** The part of a comparison that its table shows. */
export interface ComparisonTable {
  groups: readonly TableGroup[];
  pairs: readonly Pick<ComparedPair, 'verdict'>[];
  warnings: readonly { message: string }[];
}
type Score = { seed: number; value: number };
type TableGroup = Pick<ComparedGroup, 'name' | 'n' | 'mean' | 'standardDeviation' | 'interval'> & {
  best: Score | null;
  worst: Score | null;
};

/**
 * Means over seeds with their spread, at the epoch best on dev: a table a metric, with the intervals on one axis.
 * Different data are compared too: whoever defined the experiment chose them.
 */
export async function printComparison(api: Api, experimentId: string): Promise<void> {
  for (const metric of ['test/accuracy', 'test/macro-f1']) {
    const comparison = await fetchComparison(api, compareQuery, {
      experimentIds: [experimentId],
      metric,
      at: { point: 'BEST_ON_DEV' },
      baseline: null,
      allowDifferentData: true,
    });
    console.log(`\n${metric} at the epoch best on dev, over seeds`);
    for (const line of comparisonLines(comparison)) console.log(line);
  }
}

/** A line a group, the verdicts, the warnings. */
export function comparisonLines({ groups, pairs, warnings }: ComparisonTable): string[] {
  const axis = axisOf(groups);
  const table = [
    ['variant', 'n', 'mean', 'sd', '95 % interval', 'worst (seed)', 'best (seed)', axis.title],
    ...groups.map((group) => [...cells(group), axis.draw(group)]),
  ];
  const nameWidth = Math.max(...table.map(([name]) => name!.length), leastWidths[0]!);
  const widths = [nameWidth, ...leastWidths.slice(1)];
  return [
    ...table.map((columns) =>
      columns
        .map((text, place) => text.padEnd(widths[place] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
    ...verdictLines(pairs),
    ...warnings.map(({ message }) => `note: ${message}`),
  ];
}

/** Of more tested pairs than this only those that differ are told one by one: nine variants make 36. */
const mostVerdicts = 12;

function verdictLines(pairs: ComparisonTable['pairs']): string[] {
  const tested = pairs.map(({ verdict }) => verdict).filter(({ kind }) => kind !== 'NOT_TESTED');
  const lines = (verdicts: typeof tested) => verdicts.map(({ text }) => `verdict: ${text}`);
  if (tested.length <= mostVerdicts) return lines(tested);
  const differing = tested.filter(({ kind }) => kind !== 'NO_EVIDENCE');
  const rest = tested.length - differing.length;
  return [
    ...lines(differing),
    ...(rest === 0
      ? []
      : [`verdict: no evidence of a difference in ${rest} of ${tested.length} pairs; the report names each`]),
  ];
}

const cells = ({ name, n, mean, standardDeviation, interval, worst, best }: TableGroup): string[] => [
  name,
  String(n),
  score(mean),
  score(standardDeviation),
  interval ? `${score(interval.low)} to ${score(interval.high)}` : '-',
  worst ? `${score(worst.value)} (${worst.seed})` : '-',
  best ? `${score(best.value)} (${best.seed})` : '-',
];

const leastWidths = [12, 3, 7, 7, 16, 14, 14];

const score = (value: number | null): string => (value === null ? '-' : value.toFixed(4));

/** One scale for all groups: an interval as a line, the mean as a dot. */
function axisOf(groups: readonly TableGroup[]): { title: string; draw: (group: TableGroup) => string } {
  const ends = groups.flatMap(({ mean, interval }) => [interval?.low ?? mean, interval?.high ?? mean]);
  const values = ends.filter((value) => value !== null);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const place = (value: number): number =>
    high > low ? Math.round(((value - low) / (high - low)) * (axisWidth - 1)) : Math.floor(axisWidth / 2);
  return {
    title: values.length > 0 ? `${score(low)}${score(high).padStart(axisWidth - 6)}` : '',
    draw: ({ mean, interval }) => {
      if (mean === null) return '';
      const [from, to] = interval ? [place(interval.low), place(interval.high)] : [place(mean), place(mean)];
      const line = Array.from({ length: axisWidth }, (_, at): string => (at >= from && at <= to ? '─' : ' '));
      line[place(mean)] = '●';
      return line.join('');
    },
  };
}
