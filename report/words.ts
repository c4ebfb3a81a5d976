import type { Moment } from './options';

/** How the report writes a score: four decimals, since a test set has thousands of rows. */
export const scoreText = (value: number | null): string => (value === null ? '–' : value.toFixed(4));
export const rangeText = (
  range: { low: number; high: number } | null,
  text: (value: number) => string = scoreText,
): string => (range === null ? '–' : `${text(range.low)} to ${text(range.high)}`);

/** A difference of scores in points, with its sign. */
export function pointsText(difference: number | null): string {
  if (difference === null) return '–';
  const points = difference * 100;
  const size = Math.abs(points).toFixed(points !== 0 && Math.abs(points) < 0.095 ? 2 : 1);
  return points < 0 ? `−${size}` : points > 0 ? `+${size}` : size;
}

export function momentText({ point, epoch, seconds }: Moment): string {
  switch (point) {
    case 'BEST_ON_DEV':
      return 'at the epoch best on dev';
    case 'BEST_ON_TEST':
      return 'at the epoch best on test itself';
    case 'FINAL':
      return 'at the last epoch';
    case 'EPOCH':
      return `at epoch ${epoch}`;
    case 'WALL_CLOCK':
      return `at the last evaluation within ${seconds} s of training`;
  }
}

/** "a", "a and b", "a, b and c". */
export const joined = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
