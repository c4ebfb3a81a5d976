/** Rows on which a model is scored: `dev` selects its epoch, `test` selects nothing. */
export type Split = 'dev' | 'test';

/**
 * Names of the metrics a run logs. `train/...` and `quiz/...` are means since the last record; `dev/...` and
 * `test/...` are the student's (in fine-tuning the teacher's) scores; `teacher/dev/...` those of the teacher of a
 * student's run; `seconds/...` wall clock; `model/...` the size of a pruned model. Direction, unit and title of each stand in `metrics.ts`.
 */
export const metricNames = {
  trainLoss: 'train/loss',
  trainCrossEntropy: 'train/cross-entropy',
  trainDistillation: 'train/distillation',
  trainHint: 'train/hint-loss',
  quizLoss: 'quiz/loss',
  studentFeedback: 'train/student-feedback',
  metaGradientNorm: 'train/meta-gradient-norm',
  gradientNorm: 'train/gradient-norm',
  learningRate: 'train/learning-rate',
  examplesPerSecond: 'train/examples-per-second',
  epochSeconds: 'seconds/epoch',
  trainSeconds: 'seconds/train',
  evaluateSeconds: 'seconds/evaluate',
  sparsity: 'model/sparsity',
  nonZeroParameters: 'model/non-zero-parameters',
} as const;

/** Scores of one evaluated split; `subject` is empty for the model the run trains. */
export const scoreName = (split: Split, score: ScoreName, subject: '' | 'teacher/' = ''): string =>
  `${subject}${split}/${score}`;

export const scoreNames = [
  'loss',
  'accuracy',
  'macro-precision',
  'macro-recall',
  'macro-f1',
  'micro-precision',
  'micro-recall',
  'micro-f1',
] as const;
export type ScoreName = (typeof scoreNames)[number];

/**
 * Longest label of a class in UTF-8, with slashes as `confusionName` writes them: two of them are in the name of a metric,
 * which is a key of the records, and Aurora DSQL has keys of 1 KiB.
 */
export const longestLabelBytes = 400;

export const classScoreNames = ['precision', 'recall', 'f1'] as const;
export type ClassScoreName = (typeof classScoreNames)[number];

/** Scores of one class, by its label: `test/class/Bullish/f1`. A slash in the label stands as it is. */
export const classScoreName = (split: Split, label: string, score: ClassScoreName): string =>
  `${split}/class/${label}/${score}`;

/**
 * One cell of the confusion matrix: how many rows of class `actual` were classified as `predicted`. A slash in a label is
 * written `%2F` (and `%` `%25`), so that every cell has a name of its own.
 */
export const confusionName = (split: Split, actual: string, predicted: string): string =>
  `${split}/confusion/${encodeLabel(actual)}/${encodeLabel(predicted)}`;

export const encodeLabel = (label: string): string => label.replaceAll('%', '%25').replaceAll('/', '%2F');

/** The label that `confusionName` encoded. */
export const decodeLabel = (text: string): string => text.replaceAll('%2F', '/').replaceAll('%25', '%');
