import type { Parameters } from '../../contract/parameters';
import type { Checked, Problem } from '../../contract/run-spec';
import { randomStream } from '../numeric/random';

/** Rows of the train file by their use, ascending and disjoint. */
export interface Splits {
  /** What the student (in fine-tuning the teacher) trains on. */
  train: Int32Array;
  /** What the teacher of a meta method learns from; none where `trainOnQuiz` gave its rows to `train`. */
  quiz: Int32Array;
  /** What the model is selected on. */
  dev: Int32Array;
}

export type SplitParameters = Pick<Parameters, 'quizShare' | 'devShare' | 'trainShare' | 'trainOnQuiz'>;

/**
 * Splits the train rows class by class: of a class's rows in the random order of `seed`, the first `devShare` are dev,
 * the next `quizShare` quiz, and of the rest the first `trainShare` train; each count rounded. So a smaller share is part
 * of a larger one, and one class's rows do not move because another's number changed.
 *
 * @param labels Class of each row, 0 to classes - 1.
 * @param classes Names of the classes, for the problems: a class that a split would be without.
 */
export function splitRows(
  labels: Int32Array,
  classes: readonly string[],
  parameters: SplitParameters,
  seed: number,
): Checked<Splits> {
  const { quizShare, devShare, trainShare, trainOnQuiz } = parameters;
  const splits = { train: [] as number[], quiz: [] as number[], dev: [] as number[] };
  const problems: Problem[] = [];
  for (const [index, name] of classes.entries()) {
    const rows = randomStream(seed, 'split', index).shuffle(rowsOfClass(labels, index));
    const devCount = Math.round(rows.length * devShare);
    const quizCount = Math.round(rows.length * quizShare);
    const rest = rows.slice(devCount + quizCount);
    const parts = {
      dev: rows.slice(0, devCount),
      quiz: rows.slice(devCount, devCount + quizCount),
      train: rest.slice(0, Math.round(rest.length * trainShare)),
    };
    problems.push(...problemsOfClass(name, rows.length, parts, parameters));
    splits.dev = splits.dev.concat(parts.dev);
    splits.quiz = splits.quiz.concat(trainOnQuiz ? [] : parts.quiz);
    splits.train = splits.train.concat(parts.train, trainOnQuiz ? parts.quiz : []);
  }
  return problems.length > 0
    ? { kind: 'invalid', problems }
    : {
        kind: 'valid',
        value: { train: ascending(splits.train), quiz: ascending(splits.quiz), dev: ascending(splits.dev) },
      };
}

function rowsOfClass(labels: Int32Array, index: number): number[] {
  const rows: number[] = [];
  for (let row = 0; row < labels.length; row++) if (labels[row] === index) rows.push(row);
  return rows;
}

function problemsOfClass(
  name: string,
  count: number,
  parts: Readonly<Record<keyof Splits, readonly number[]>>,
  parameters: SplitParameters,
): Problem[] {
  const wanted = [
    ['dev', 'devShare'],
    ['quiz', 'quizShare'],
    ['train', 'trainShare'],
  ] as const;
  return wanted
    .filter(([split, share]) => parameters[share] > 0 && parts[split].length === 0)
    .map(([split, share]) => ({
      path: `parameters.${share}`,
      message: `class ${JSON.stringify(name)} has ${count} rows in the train file, of which a ${share} of ${parameters[share]} leaves none for ${split}: give more rows of it or other shares`,
    }));
}

const ascending = (rows: number[]): Int32Array => Int32Array.from(rows).sort();
