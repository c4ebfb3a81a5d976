/**
 * p-values corrected for the number of tests by Holm (1979): the k-th smallest of m is multiplied by m - k + 1, none
 * ends below one before it, none above 1. The chance of any false finding in the family stays below the level at which
 * they are read, whatever the tests have to do with each other.
 *
 * @param ps null: no test, which does not count
 */
export function holm(ps: readonly (number | null)[]): (number | null)[] {
  const tested = ps.flatMap((p, place) => (p === null ? [] : [{ p, place }])).sort((a, b) => a.p - b.p);
  const corrected = new Array<number | null>(ps.length).fill(null);
  let largest = 0;
  tested.forEach(({ p, place }, rank) => {
    largest = Math.max(largest, Math.min(1, p * (tested.length - rank)));
    corrected[place] = largest;
  });
  return corrected;
}
