import { confusionName, type Split } from '../contract/metric-names';
import { isConfusionName, parseClassScoreName } from '../contract/metrics';

/** Rows by class and by the class they were classified as, summed over runs. */
export interface ConfusionMatrix {
  classes: string[];
  /** counts[actual][predicted] */
  counts: number[][];
}

/**
 * The confusion matrix in some values of metrics, values of one cell summed. The per-class scores among them tell which
 * classes there are. null: no cell among them.
 */
export function confusionOf(
  metrics: readonly { name: string; value: number }[],
  split: Split = 'test',
): ConfusionMatrix | null {
  const totals = new Map<string, number>();
  for (const { name, value } of metrics) totals.set(name, (totals.get(name) ?? 0) + value);
  const names = [...totals.keys()];
  if (!names.some((name) => isConfusionName(name, split))) return null;
  const classes = classesIn(names, split);
  const countOf = (actual: string, predicted: string) =>
    totals.get(confusionName(split, actual, predicted)) ?? totals.get(formerName(split, actual, predicted)) ?? 0;
  return { classes, counts: classes.map((actual) => classes.map((predicted) => countOf(actual, predicted))) };
}

/** The classes whose scores are among some metrics, in their order. */
export function classesIn(names: readonly string[], split: Split = 'test'): string[] {
  const scores = names.flatMap((name) => parseClassScoreName(name) ?? []);
  return [...new Set(scores.filter((score) => score.split === split).map(({ label }) => label))];
}

/** How earlier trainers named a cell: labels with slashes as they are. */
const formerName = (split: Split, actual: string, predicted: string): string =>
  `${split}/confusion/${actual}/${predicted}`;
