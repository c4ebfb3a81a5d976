import { differenceText } from '../../presentation/format';
import { probabilityText, verdictWords } from '../../presentation/statistics';
import { Scroll } from './parts';
import type { ComparedPair, Comparison, Interval } from './queries';

export const VerdictMark = ({ pair: { verdict } }: { pair: ComparedPair }) => (
  <span class={`verdict verdict-${verdict.kind.toLowerCase()}`} title={verdict.text}>
    {verdictWords[verdict.kind]}
  </span>
);

/** What each pair comes to, in sentences; those that were tested first. */
export function Verdicts({ pairs }: { pairs: readonly ComparedPair[] }) {
  if (pairs.length === 0) return null;
  return (
    <ul class="verdicts" aria-label="Verdicts">
      {testedFirst(pairs).map((pair) => (
        <li key={keyOf(pair)} class="verdict-line">
          <VerdictMark pair={pair} /> {pair.verdict.text}
        </li>
      ))}
    </ul>
  );
}

/** Every test of every pair, folded up until somebody wants it. */
export function TestsTable({ comparison: { pairs, families } }: { comparison: Comparison }) {
  if (pairs.length === 0) return null;
  return (
    <details class="tests">
      <summary>All tests</summary>
      <Scroll label="Tests">
        <table>
          <thead>
            <tr>
              <th scope="col">Pair</th>
              {headings.map(([heading, title]) => (
                <th key={heading} scope="col" class="number" title={title}>
                  {heading}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {testedFirst(pairs).map((pair) => (
              <tr key={keyOf(pair)}>
                <th scope="row">
                  {pair.name} − {pair.againstName}
                </th>
                {cellsOf(pair).map((cell, place) => (
                  <td key={headings[place]![0]} class="number">
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p class="quiet">
        Holm corrects for all tests of one kind: {families.tTests} t tests, {families.wilcoxons} Wilcoxon,{' '}
        {families.mcNemars} McNemar. The verdict follows the corrected t test at 5 %. Intervals are of each pair alone.
      </p>
    </details>
  );
}

const headings: [heading: string, title: string][] = [
  ['Seeds', 'That both have'],
  ['Difference', 'Mean over the shared seeds'],
  ['95 %', "By Student's t"],
  ['t', 'Paired t test'],
  ['Holm p', 'Of the paired t test, corrected'],
  ['Wilcoxon', 'Holm p of the signed-rank test'],
  ['g', "Cohen's d_z with the correction of Hedges"],
  ['McNemar', 'Holm p, on stored predictions, combined over seeds'],
  ['Bootstrap 95 %', 'Seeds and rows drawn anew'],
  ['Shows', 'The least difference so many seeds find with a power of 80 %'],
];

const cellsOf = (pair: ComparedPair): (string | number)[] => [
  pair.seeds.length,
  pair.difference === null ? '–' : differenceText(pair.difference),
  intervalText(pair.interval),
  pair.tTest ? pair.tTest.statistic.toFixed(2).replace('-', '−') : '–',
  probabilityText(pair.tTest?.holmP ?? null),
  probabilityText(pair.wilcoxon?.holmP ?? null),
  pair.effectSize?.hedgesGz?.toFixed(2).replace('-', '−') ?? '–',
  probabilityText(pair.mcNemar?.holmP ?? null),
  intervalText(pair.bootstrap?.interval ?? null),
  pair.detectable === null ? '–' : differenceText(pair.detectable).slice(1),
];

const intervalText = (interval: Interval | null): string =>
  interval === null ? '–' : `${differenceText(interval.low)} to ${differenceText(interval.high)}`;
const testedFirst = (pairs: readonly ComparedPair[]): ComparedPair[] =>
  [...pairs].sort((a, b) => Number(b.tTest !== null) - Number(a.tTest !== null));
const keyOf = ({ groupId, againstId }: ComparedPair): string => `${groupId} ${againstId}`;
