/** Rows by class and by what they were taken for, summed over runs. */
export interface ConfusionMatrix {
  classes: string[];
  /** counts[actual][predicted] */
  counts: number[][];
}

const prefix = 'test/confusion/';

/**
 * The confusion matrix in the last values of some runs' metrics (`test/confusion/<actual>/<predicted>`), summed; null
 * where there is none. A label may hold a slash: the per-class metrics tell which labels there are.
 */
export function confusionOf(runs: readonly { name: string; last: number }[][]): ConfusionMatrix | null {
  const metrics = runs.flat();
  const classes = [
    ...new Set(metrics.flatMap(({ name }) => /^test\/class\/(.+)\/(?:f1|precision|recall)$/.exec(name)?.[1] ?? [])),
  ];
  if (!metrics.some(({ name }) => name.startsWith(prefix))) return null;
  const totals = new Map<string, number>();
  for (const { name, last } of metrics) totals.set(name, (totals.get(name) ?? 0) + last);
  const counts = classes.map((actual) =>
    classes.map((predicted) => totals.get(`${prefix}${actual}/${predicted}`) ?? 0),
  );
  return { classes, counts };
}
