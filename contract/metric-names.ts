/**
 * Names of the metrics a run logs. `train/...` and `quiz/...` are means since the last record; `dev/...` and
 * `test/...` are the student's (in fine-tuning the teacher's) scores; `teacher/dev/...` those of the teacher of a
 * student's run; `seconds/...` wall clock; `count/...` totals.
 */
export type Split = 'dev' | 'test';

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

/** Scores of one class, by its label: `test/class/Bullish/f1`. */
export const classScoreName = (split: Split, label: string, score: 'precision' | 'recall' | 'f1'): string =>
  `${split}/class/${label}/${score}`;

/** One cell of the confusion matrix: how many rows of class `actual` were taken for class `predicted`. */
export const confusionName = (split: Split, actual: string, predicted: string): string =>
  `${split}/confusion/${actual}/${predicted}`;

/** Whether a larger value of a metric is better: scores are, losses, counts of errors and seconds are not. */
export function higherIsBetter(name: string): boolean {
  return !/(loss|cross-entropy|distillation|norm|^seconds\/)/.test(name);
}
