/** Relative to the numbers it came from: rounding stays far below it, one row among a million far above. */
const roundingShare = 1e-12;

/** A difference, or 0 where it is no more than the rounding of equal numbers. @param size of the numbers, the largest */
export const withoutRounding = (difference: number, size: number): number =>
  Math.abs(difference) <= roundingShare * size ? 0 : difference;

/** A difference of two numbers, with the magnitude of the larger one. */
export interface SizedDifference {
  value: number;
  size: number;
}

/**
 * Differences in which equal magnitudes are equal floats: those that rounding alone parts get the magnitude of the smallest,
 * whatever their signs. The outcome does not depend on the order.
 *
 * Scores are counts over rows, so -2 and 2 rows are ties, but (c - 2) / n - c / n and (d + 2) / n - d / n differ in the last
 * digits. A tolerance, rather than counts, also serves scores without one denominator: F1, and means over runs.
 */
export function withEqualMagnitudes(differences: readonly SizedDifference[]): number[] {
  const cleaned = differences.map(({ value, size }, index) => ({ value: withoutRounding(value, size), size, index }));
  const equalised = new Array<number>(differences.length);
  let level: SizedDifference = { value: 0, size: 0 };
  for (const { value, size, index } of cleaned.sort((a, b) => Math.abs(a.value) - Math.abs(b.value))) {
    const magnitude = Math.abs(value);
    if (withoutRounding(magnitude - level.value, Math.max(size, level.size)) !== 0) level = { value: magnitude, size };
    equalised[index] = value < 0 ? -level.value : level.value;
  }
  return equalised;
}
