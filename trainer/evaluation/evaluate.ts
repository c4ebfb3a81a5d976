import {
  classScoreName,
  confusionName,
  type ScoreName,
  type Split,
  scoreName,
  scoreNames,
} from '../../contract/metric-names';

export interface ClassScores {
  precision: number;
  recall: number;
  f1: number;
}

/** Scores of a classifier on one split. A ratio 0/0 counts as 0, as scikit-learn's `zero_division=0` has it. */
export interface Scores {
  values: Record<ScoreName, number>;
  /** In the order of the classes. */
  classes: ClassScores[];
  /** `confusion[actual][predicted]`: how many rows of class `actual` were taken for class `predicted`. */
  confusion: number[][];
}

/**
 * Loss (mean cross-entropy, temperature 1, natural logarithm), accuracy, and precision, recall and F1 by class, macro (mean of the
 * per-class values) and micro (from the summed counts; with one label a row all three equal accuracy). The formulas are in
 * docs/methods.md, "Metrics".
 *
 * @param logits [n, classCount], row by row; computed with in float64.
 * @param labels [n], 0 to classCount - 1.
 * @throws RangeError where there are no rows or the lengths do not fit.
 */
export function scoresOf(logits: Float32Array, labels: Int32Array, classCount: number): Scores {
  if (labels.length === 0 || logits.length !== labels.length * classCount)
    throw new RangeError(`${logits.length} logits do not fit ${labels.length} labels of ${classCount} classes`);
  const confusion = Array.from({ length: classCount }, () => new Array<number>(classCount).fill(0));
  let lossSum = 0;
  labels.forEach((label, row) => {
    const rowLogits = logits.subarray(row * classCount, (row + 1) * classCount);
    lossSum += crossEntropy(rowLogits, label);
    confusion[label]![indexOfLargest(rowLogits)]! += 1;
  });

  const counts = confusion.map((row, k) => ({
    hits: row[k]!,
    actual: sum(row),
    predicted: sum(confusion.map((other) => other[k]!)),
  }));
  const classes = counts.map(classScores);
  const micro = classScores({
    hits: sum(counts.map((count) => count.hits)),
    actual: sum(counts.map((count) => count.actual)),
    predicted: sum(counts.map((count) => count.predicted)),
  });
  const macro = (score: keyof ClassScores) => sum(classes.map((scores) => scores[score])) / classCount;
  return {
    values: {
      loss: lossSum / labels.length,
      accuracy: sum(counts.map((count) => count.hits)) / labels.length,
      'macro-precision': macro('precision'),
      'macro-recall': macro('recall'),
      'macro-f1': macro('f1'),
      'micro-precision': micro.precision,
      'micro-recall': micro.recall,
      'micro-f1': micro.f1,
    },
    classes,
    confusion,
  };
}

/** Scores as metric values. Those of a student's teacher leave out classes and confusion. */
export function scoreMetrics(
  split: Split,
  scores: Scores,
  labels: readonly string[],
  subject: '' | 'teacher/' = '',
): Record<string, number> {
  const metrics: Record<string, number> = {};
  for (const name of scoreNames) metrics[scoreName(split, name, subject)] = scores.values[name];
  if (subject !== '') return metrics;
  scores.classes.forEach((ofClass, k) => {
    for (const score of ['precision', 'recall', 'f1'] as const)
      metrics[classScoreName(split, labels[k]!, score)] = ofClass[score];
  });
  scores.confusion.forEach((row, actual) => {
    row.forEach((count, predicted) => {
      metrics[confusionName(split, labels[actual]!, labels[predicted]!)] = count;
    });
  });
  return metrics;
}

function classScores(count: { hits: number; actual: number; predicted: number }): ClassScores {
  return {
    precision: ratio(count.hits, count.predicted),
    recall: ratio(count.hits, count.actual),
    f1: ratio(2 * count.hits, count.predicted + count.actual),
  };
}

/** -log softmax(logits)[label], by log-sum-exp. */
function crossEntropy(logits: Float32Array, label: number): number {
  const largest = Math.max(...logits);
  let exponentials = 0;
  for (const logit of logits) exponentials += Math.exp(logit - largest);
  return largest + Math.log(exponentials) - logits[label]!;
}

/** The first of equals. */
export function indexOfLargest(values: Float32Array): number {
  let best = 0;
  for (let k = 1; k < values.length; k++) if (values[k]! > values[best]!) best = k;
  return best;
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
