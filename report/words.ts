import type { Moment } from '../client/moment';

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
