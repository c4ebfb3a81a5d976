import { type ComparisonTable, comparisonLines } from '../../client/tables';
import type { VerdictKind } from '../../presentation/statistics';

const group = (name: string, mean: number) => ({
  ...{ name, mean, n: 2, standardDeviation: 0.01, interval: { low: mean - 0.1, high: mean + 0.1 } },
  ...{ best: { seed: 0, value: mean }, worst: { seed: 1, value: mean } },
});

const verdicts = (kind: VerdictKind, count: number) =>
  Array.from({ length: count }, (_, at) => ({ verdict: { kind, text: `${kind} ${at}` } }));

const comparison: ComparisonTable = {
  groups: [group('kd', 0.5), group('meta-lora [loraRank=64]', 0.6)],
  pairs: [...verdicts('BETTER', 1), ...verdicts('NOT_TESTED', 20), ...verdicts('NO_EVIDENCE', 11)],
  warnings: [{ message: 'few seeds' }],
};

describe('the table of a comparison', () => {
  it('has its columns below each other, however long the names are', () => {
    const [heading, ...rows] = comparisonLines(comparison).slice(0, 3);
    const place = heading!.indexOf('95 % interval');
    expect(rows.map((row) => row.slice(place, place + 16))).toEqual(['0.4000 to 0.6000', '0.5000 to 0.7000']);
    expect(rows[1]).toContain('meta-lora [loraRank=64]  2 ');
  });

  it('tells every tested pair, and of many only those that differ one by one', () => {
    const told = (of: ComparisonTable) => comparisonLines(of).filter((line) => line.startsWith('verdict'));
    expect(told(comparison)).toHaveLength(12);
    expect(told({ ...comparison, pairs: [...comparison.pairs, ...verdicts('NO_EVIDENCE', 1)] })).toEqual([
      'verdict: BETTER 0',
      'verdict: no evidence of a difference in 12 of 13 pairs; the report names each',
    ]);
    expect(comparisonLines(comparison).at(-1)).toBe('note: few seeds');
  });
});
