/** One value of a series. null: it was not a number, or infinite. */
export interface SeriesPoint {
  step: number;
  epoch: number;
  elapsedSeconds: number;
  value: number | null;
}

/** First, last, smallest and largest: the fewest points a series is cut down to. */
export const fewestPoints = 4;

/**
 * At most `maxPoints` points of a series, in its order: M4 (Jugel et al., "M4: A Visualization-Oriented Time Series
 * Data Aggregation", VLDB 2014). The series is cut into equal runs of points, and each keeps its first, last, smallest
 * and largest. So the ends and the extremes of the whole are kept by construction, a spike is never lost, and a line
 * drawn with one bucket a pixel column is exact. LTTB, which charting libraries use, picks the largest triangles and
 * may drop the extremes. Deterministic: of equal values the earliest stands.
 *
 * @param maxPoints at least `fewestPoints`
 */
export function downsample(points: readonly SeriesPoint[], maxPoints: number): SeriesPoint[] {
  if (points.length <= maxPoints) return [...points];
  const buckets = Math.floor(maxPoints / fewestPoints);
  return Array.from({ length: buckets }, (_, bucket) => {
    const start = Math.floor((bucket * points.length) / buckets);
    const end = Math.floor(((bucket + 1) * points.length) / buckets);
    return cornersOf(points, start, end).map((at) => points[at]!);
  }).flat();
}

/** Places of first, smallest, largest and last of a range, in order and without repeats. */
function cornersOf(points: readonly SeriesPoint[], start: number, end: number): number[] {
  let smallest: number | null = null;
  let largest: number | null = null;
  for (let at = start; at < end; at++) {
    const value = points[at]!.value;
    if (value === null) continue;
    if (smallest === null || value < points[smallest]!.value!) smallest = at;
    if (largest === null || value > points[largest]!.value!) largest = at;
  }
  const places = new Set([start, ...[smallest, largest].filter((at) => at !== null), end - 1]);
  return [...places].sort((a, b) => a - b);
}
