import { methods } from '../../contract/methods';
import type { Result } from '../../contract/records';
import type { Problem, RunSpec } from '../../contract/run-spec';
import type { DataSet } from '../data/dataset';
import { type Splits, splitRows } from '../data/splits';

/** The fine-tuning run behind a teacher, as far as its result tells on which rows the teacher was trained. */
export type TeacherRun = Pick<Result, 'runId' | 'spec' | 'dataFiles'>;

/**
 * Which held-out rows of a run its teacher was trained on. Dev rows among them are a problem: the epoch would be selected on rows
 * that the teacher has learnt, as with a selection on the test set. Quiz rows among them are noted, since they are to tell
 * whether the teacher teaches well. Which rows a teacher from a folder or a file of labels has seen is not known.
 */
export function rowsKnownToTeacher(
  { runId, spec: teacher, dataFiles }: TeacherRun,
  { method, seed, parameters }: RunSpec,
  { train, classes, files }: DataSet,
  splits: Splits,
): { problems: Problem[]; notes: string[] } {
  if (dataFiles?.train.sha256 !== files.train.sha256)
    return {
      problems: [],
      notes: ['the teacher was fine-tuned on another train file: whether it holds dev rows of this run is not known'],
    };
  const teacherSeed = teacher.parameters.splitSeed ?? teacher.seed;
  const ofTeacher = splitRows(train.labels, classes, teacher.parameters, teacherSeed);
  if (ofTeacher.kind === 'invalid') return { problems: [], notes: [] };
  const known = new Set(ofTeacher.value.train);
  const count = (rows: Int32Array) => rows.reduce((sum, row) => sum + Number(known.has(row)), 0);
  const [dev, quiz] = [count(splits.dev), methods[method].needs.quiz ? count(splits.quiz) : 0];
  const path = parameters.splitSeed === null ? 'parameters.splitSeed' : 'teacher.runId';
  const message = `${dev} of ${splits.dev.length} dev rows were train rows of the teacher, run "${runId}" (its rows are split by seed ${teacherSeed}, those of this run by ${parameters.splitSeed ?? seed}): the model would be selected on rows that its teacher has learnt. Give both the same splitSeed, devShare and quizShare`;
  return {
    problems: dev > 0 ? [{ path, message }] : [],
    notes:
      quiz > 0
        ? [`${quiz} of ${splits.quiz.length} quiz rows were train rows of the teacher: it learns from rows it knows`]
        : [],
  };
}
