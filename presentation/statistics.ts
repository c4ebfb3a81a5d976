/** The outcome of a comparison of two groups, in a word. */
export const verdictWords = {
  BETTER: 'better',
  WORSE: 'worse',
  DIFFERENT: 'different',
  NO_EVIDENCE: 'no evidence',
  NOT_TESTED: 'not tested',
} as const;
export type VerdictKind = keyof typeof verdictWords;

/** A probability with three decimals and without a leading zero. */
export const probabilityText = (p: number | null): string =>
  p === null ? '–' : p < 0.001 ? '< .001' : p >= 0.9995 ? '1' : p.toFixed(3).replace(/^0/, '');

/** A score with four decimals: a test set has thousands of rows. */
export const scoreText = (value: number | null): string => (value === null ? '–' : value.toFixed(4));

/** An interval. */
export const rangeText = (
  range: { low: number; high: number } | null,
  text: (value: number) => string = scoreText,
): string => (range === null ? '–' : `${text(range.low)} to ${text(range.high)}`);

/** A difference of scores in points (hundredths), with its sign: one decimal, two below a tenth of a point. */
export function pointsText(difference: number | null): string {
  if (difference === null) return '–';
  const points = difference * 100;
  const size = Math.abs(points).toFixed(points !== 0 && Math.abs(points) < 0.095 ? 2 : 1);
  return points < 0 ? `−${size}` : points > 0 ? `+${size}` : size;
}

/**
 * Warnings of a comparison without repetition: each message once, and of the messages of one kind about pairs the
 * first with the number of the others.
 */
export function foldedWarnings(
  warnings: readonly { message: string }[],
  ofPairs: readonly { kind: string; message: string }[],
): string[] {
  const kinds = new Map<string, Set<string>>();
  for (const { kind, message } of ofPairs) kinds.set(kind, (kinds.get(kind) ?? new Set<string>()).add(message));
  const folded = [...kinds.values()].map((messages) => {
    const [first] = messages;
    const others = messages.size - 1;
    return others === 0
      ? first!
      : `${first} (and ${others.toLocaleString()} more ${others === 1 ? 'pair' : 'pairs'} like it)`;
  });
  return [...new Set([...warnings.map(({ message }) => message), ...folded])];
}
