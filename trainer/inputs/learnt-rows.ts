import { methods } from '../../contract/methods';
import type { Result } from '../../contract/records';
import { type Problem, type RunSpec, splitSeedOf } from '../../contract/run-spec';
import type { Role } from '../data/batch';
import type { DataSet } from '../data/dataset';
import { type Splits, splitRows } from '../data/splits';

/** The run behind a model, as far as its result tells on which rows the model was trained. */
export type SourceRun = Pick<Result, 'runId' | 'spec' | 'dataFiles'>;

/**
 * Which held-out rows of a run one of its models was trained on. Dev rows among them are a problem: the epoch would be selected
 * on rows that the model has learnt, as with a selection on the test set. Quiz rows among them are noted, since they are to tell
 * whether the teacher teaches well. Which rows a model from a folder or a file of labels has seen is not known.
 */
export function rowsLearntBefore(
  role: Role,
  { runId, spec: source, dataFiles }: SourceRun,
  { method, seed, parameters }: RunSpec,
  { train, classes, files }: DataSet,
  splits: Splits,
): { problems: Problem[]; notes: string[] } {
  if (dataFiles?.train.sha256 !== files.train.sha256)
    return {
      problems: [],
      notes: [
        `the ${role} was ${trainedWord(source)} on another train file: whether it holds dev rows of this run is not known`,
      ],
    };
  const sourceSeed = splitSeedOf(source);
  const ofSource = splitRows(train.labels, classes, usedSplit(source), sourceSeed);
  if (ofSource.kind === 'invalid') return { problems: [], notes: [] };
  const known = new Set(ofSource.value.train);
  const count = (rows: Int32Array) => rows.reduce((sum, row) => sum + Number(known.has(row)), 0);
  const [dev, quiz] = [count(splits.dev), methods[method].needs.quiz ? count(splits.quiz) : 0];
  const path = parameters.splitSeed === null ? 'parameters.splitSeed' : `${role}.runId`;
  const message = `${dev} of ${splits.dev.length} dev rows were train rows of the ${role}, run "${runId}" (its rows are split by seed ${sourceSeed}, those of this run by ${splitSeedOf({ parameters, seed })}): the model would be selected on rows that its ${role} has learnt. Give both the same splitSeed, devShare and quizShare`;
  return {
    problems: dev > 0 ? [{ path, message }] : [],
    notes:
      quiz > 0
        ? [`${quiz} of ${splits.quiz.length} quiz rows were train rows of the ${role}: it learns from rows it knows`]
        : [],
  };
}

/** Quiz rows that the method needs for itself are not trained on, whatever `trainOnQuiz` says. */
export const usedSplit = ({ method, parameters }: Pick<RunSpec, 'method' | 'parameters'>): RunSpec['parameters'] => ({
  ...parameters,
  trainOnQuiz: parameters.trainOnQuiz && !methods[method].needs.quiz,
});

const trainedWord = ({ method }: RunSpec): string => (methods[method].trains === 'teacher' ? 'fine-tuned' : 'trained');
