import type { Series } from './series';

/** First, last, smallest and largest: the fewest points a series is cut down to. */
export const fewestPoints = 4;

/**
 * The places of at most `maxPoints` points of a series, in its order: M4 (Jugel et al., "M4: A Visualization-Oriented
 * Time Series Data Aggregation", VLDB 2014). The series is cut into equal runs of points, and each keeps its first,
 * last, smallest and largest. So the ends and the extremes of the whole are kept by construction, a spike is never lost,
 * and a line drawn with one bucket a pixel column is exact. LTTB, which charting libraries use, picks the largest
 * triangles and may drop the extremes. Deterministic: of equal values the earliest stands.
 *
 * @param maxPoints at least `fewestPoints`
 */
export function downsample({ value: values }: Pick<Series, 'value'>, maxPoints: number): number[] {
  if (values.length <= maxPoints) return Array.from({ length: values.length }, (_, place) => place);
  const buckets = Math.floor(maxPoints / fewestPoints);
  return Array.from({ length: buckets }, (_, bucket) => {
    const start = Math.floor((bucket * values.length) / buckets);
    const end = Math.floor(((bucket + 1) * values.length) / buckets);
    return cornersOf(values, start, end);
  }).flat();
}

/** Places of first, smallest, largest and last of a range, in order and without repeats. */
function cornersOf(values: Series['value'], start: number, end: number): number[] {
  let [smallest, least] = [-1, Number.POSITIVE_INFINITY];
  let [largest, most] = [-1, Number.NEGATIVE_INFINITY];
  for (let at = start; at < end; at++) {
    const value = values[at];
    if (value == null) continue;
    if (value < least) [smallest, least] = [at, value];
    if (value > most) [largest, most] = [at, value];
  }
  const places = new Set([start, ...[smallest, largest].filter((at) => at >= 0), end - 1]);
  return [...places].sort((a, b) => a - b);
}
