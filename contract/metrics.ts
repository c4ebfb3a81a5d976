import {
  type ClassScoreName,
  classScoreName,
  classScoreNames,
  confusionName,
  decodeLabel,
  metricNames,
  type ScoreName,
  type Split,
  scoreName,
  scoreNames,
} from './metric-names';

/** Which values of a metric are better; `none` for metrics that only describe the training. */
export type Better = 'higher' | 'lower' | 'none';

/** `share`: 0 to 1, shown as points of a hundredth. `nats`: natural logarithm. null: no unit, or one that depends on the run. */
export type MetricUnit = 'share' | 'nats' | 'seconds' | 'rows' | 'examples per second' | null;

/** What a metric measures. */
export interface MetricDescription {
  /** The metric's name; in the catalogue also a pattern, with `{class}`, `{actual}` and `{predicted}` for class labels. */
  name: string;
  title: string;
  unit: MetricUnit;
  better: Better;
  /** Part of the data it is measured on; null: on none. */
  split: Split | 'train' | 'quiz' | null;
  /** Whose it is: the model the run trains, or the teacher of a student's run. */
  subject: 'model' | 'teacher';
}

/** The metric that selects a run's model unless the definition names another. */
export const defaultSelectBy = scoreName('dev', 'accuracy');

const scores: Record<ScoreName, Pick<MetricDescription, 'title' | 'unit' | 'better'>> = {
  loss: { title: 'loss', unit: 'nats', better: 'lower' },
  accuracy: { title: 'accuracy', unit: 'share', better: 'higher' },
  'macro-precision': { title: 'macro precision', unit: 'share', better: 'higher' },
  'macro-recall': { title: 'macro recall', unit: 'share', better: 'higher' },
  'macro-f1': { title: 'macro F1', unit: 'share', better: 'higher' },
  'micro-precision': { title: 'micro precision', unit: 'share', better: 'higher' },
  'micro-recall': { title: 'micro recall', unit: 'share', better: 'higher' },
  'micro-f1': { title: 'micro F1', unit: 'share', better: 'higher' },
};

const classScores = { precision: 'precision', recall: 'recall', f1: 'F1' } as const;

/** Metrics that are no scores of an evaluation. */
const trainingMetrics: Record<keyof typeof metricNames, Omit<MetricDescription, 'name' | 'subject'>> = {
  trainLoss: { title: 'Training loss', unit: null, better: 'lower', split: 'train' },
  trainCrossEntropy: { title: 'Training cross-entropy', unit: 'nats', better: 'lower', split: 'train' },
  trainDistillation: { title: 'Distillation loss', unit: null, better: 'lower', split: 'train' },
  trainHint: { title: 'Loss of the hints', unit: null, better: 'lower', split: 'train' },
  quizLoss: { title: 'Quiz loss', unit: 'nats', better: 'lower', split: 'quiz' },
  studentFeedback: { title: 'Feedback of the student', unit: null, better: 'none', split: 'train' },
  metaGradientNorm: { title: 'Norm of the meta-gradient', unit: null, better: 'none', split: 'train' },
  gradientNorm: { title: 'Norm of the gradient', unit: null, better: 'none', split: 'train' },
  learningRate: { title: 'Learning rate', unit: null, better: 'none', split: 'train' },
  examplesPerSecond: { title: 'Training speed', unit: 'examples per second', better: 'higher', split: 'train' },
  epochSeconds: { title: 'Time per epoch', unit: 'seconds', better: 'lower', split: null },
  trainSeconds: { title: 'Training time per epoch', unit: 'seconds', better: 'lower', split: null },
  evaluateSeconds: { title: 'Evaluation time per epoch', unit: 'seconds', better: 'lower', split: null },
  sparsity: { title: 'Zeros among the pruned weights', unit: 'share', better: 'none', split: null },
  nonZeroParameters: { title: 'Parameters that are not 0', unit: null, better: 'lower', split: null },
};

const splits = ['dev', 'test'] as const;
const splitTitles: Record<Split, string> = { dev: 'Dev', test: 'Test' };

const scoreEntries = splits.flatMap((split) =>
  (['model', 'teacher'] as const).flatMap((subject) =>
    scoreNames.map((score): MetricDescription => {
      const { title, unit, better } = scores[score];
      const name = scoreName(split, score, subject === 'model' ? '' : 'teacher/');
      return { name, title: titleOf(split, title, subject), unit, better, split, subject };
    }),
  ),
);

const classEntries = splits.flatMap((split) =>
  classScoreNames.map((score): MetricDescription => {
    const title = `${splitTitles[split]} ${classScores[score]} of class {class}`;
    const name = classScoreName(split, '{class}', score);
    return { name, title, unit: 'share', better: 'higher', split, subject: 'model' };
  }),
);

/** Hits are better the more there are, confusions the fewer: `describeMetric` tells one cell from the other. */
const confusionEntries = splits.map((split): MetricDescription => {
  const title = `${splitTitles[split]} rows of class {actual} classified as {predicted}`;
  const name = confusionName(split, '{actual}', '{predicted}');
  return { name, title, unit: 'rows', better: 'none', split, subject: 'model' };
});

const trainingEntries = Object.entries(trainingMetrics).map(
  ([key, description]): MetricDescription => ({
    name: metricNames[key as keyof typeof metricNames],
    ...description,
    subject: 'model',
  }),
);

/** Every metric a run may log, with a pattern for those whose names hold class labels. */
export const metricCatalogue: readonly MetricDescription[] = [
  ...scoreEntries,
  ...classEntries,
  ...confusionEntries,
  ...trainingEntries,
];

const fixedEntries = new Map([...scoreEntries, ...trainingEntries].map((entry) => [entry.name, entry]));

/**
 * The catalogue's entry of a metric, with the class labels of its name filled in. A metric that the catalogue does not
 * know (from another version) has no direction, no unit and its name as its title.
 */
export function describeMetric(name: string): MetricDescription {
  return (
    fixedEntries.get(name) ??
    describeClassScore(name) ??
    describeConfusion(name) ?? { name, title: name, unit: null, better: 'none', split: null, subject: 'model' }
  );
}

function describeClassScore(name: string): MetricDescription | null {
  const parsed = parseClassScoreName(name);
  if (parsed === null) return null;
  const { split, label, score } = parsed;
  const entry = classEntries.find((each) => each.name === classScoreName(split, '{class}', score))!;
  return { ...entry, name, title: entry.title.replace('{class}', () => `"${label}"`) };
}

function describeConfusion(name: string): MetricDescription | null {
  const cell = parseConfusionName(name);
  if (cell === null) return null;
  const { split, actual, predicted } = cell;
  return {
    name,
    title: `${splitTitles[split]} rows of class "${actual}" classified as "${predicted}"`,
    unit: 'rows',
    better: actual === predicted ? 'higher' : 'lower',
    split,
    subject: 'model',
  };
}

/** The class of a score such as `test/class/Bullish/f1`, slashes in its label included; null: not such a metric. */
export function parseClassScoreName(name: string): { split: Split; label: string; score: ClassScoreName } | null {
  const [, split, label, score] = classScorePattern.exec(name) ?? [];
  return label === undefined ? null : { split: split as Split, label, score: score as ClassScoreName };
}

const classScorePattern = new RegExp(`^(${splits.join('|')})/class/(.+)/(${classScoreNames.join('|')})$`, 's');

/** The cell of a confusion matrix that a metric counts; null: not such a metric. */
export function parseConfusionName(name: string): { split: Split; actual: string; predicted: string } | null {
  const [split, kind, actual, predicted, ...rest] = name.split('/');
  if ((split !== 'dev' && split !== 'test') || kind !== 'confusion') return null;
  if (!actual || !predicted || rest.length > 0) return null;
  return { split, actual: decodeLabel(actual), predicted: decodeLabel(predicted) };
}

/** Whether a metric counts a cell of a confusion matrix, names of earlier trainers included. */
export const isConfusionName = (name: string, split?: Split): boolean =>
  (split === undefined ? splits : [split]).some((each) => name.startsWith(`${each}/confusion/`));

/** Whether the first of two values is the better one; false where the metric has no direction. */
export function isBetter(better: Better, value: number, than: number): boolean {
  return better === 'higher' ? value > than : better === 'lower' ? value < than : false;
}

/**
 * The best of some items by a metric, the earliest of equals: the rule by which a trainer selects the epoch of its
 * model, and everyone else finds that epoch again.
 *
 * @param scoreOf the metric's value of an item; null or undefined: none, the item is passed over
 * @returns null where no item has a value, or the metric has no direction
 */
export function bestOf<Item>(
  items: Iterable<Item>,
  better: Better,
  scoreOf: (item: Item) => number | null | undefined,
): Item | null {
  let best: { item: Item; value: number } | null = null;
  for (const item of items) {
    const value = scoreOf(item);
    if (value == null || better === 'none') continue;
    if (best === null || isBetter(better, value, best.value)) best = { item, value };
  }
  return best === null ? null : best.item;
}

/**
 * Why a metric cannot select a run's model; null: it can.
 * @param classes those of the data; left out: not known yet
 */
export function selectByProblem(name: string, classes?: readonly string[]): string | null {
  const { split, subject, better } = describeMetric(name);
  const cell = parseConfusionName(name);
  const labels = [parseClassScoreName(name)?.label, cell?.actual, cell?.predicted].filter(
    (label) => label !== undefined,
  );
  const unknown = labels.find((label) => classes && !classes.includes(label));
  if (unknown !== undefined) return `there is no class "${unknown}" in the data; there are ${classes?.join(', ')}`;
  if (split === 'dev' && subject === 'model' && better !== 'none') return null;
  return `must be a score on the dev rows, such as ${scoreNames.map((score) => scoreName('dev', score)).join(', ')} or ${classScoreName('dev', 'CLASS', 'f1')}`;
}

function titleOf(split: Split, title: string, subject: MetricDescription['subject']): string {
  return subject === 'model' ? `${splitTitles[split]} ${title}` : `${splitTitles[split]} ${title} of the teacher`;
}
