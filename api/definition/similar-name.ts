import { closest, distance } from 'fastest-levenshtein';

/** A known name at most this share of its length away is taken for what was meant. */
const largestShare = 0.4;

/** `; did you mean "alpha"?` for a name close to a known one; otherwise an empty text. */
export function suggestion(given: string, names: readonly string[]): string {
  const nearest = closest(given, names);
  const isNear = distance(given.toLowerCase(), nearest.toLowerCase()) <= largestShare * nearest.length;
  return isNear ? `; did you mean "${nearest}"?` : '';
}
