import { setImmediate as nextTurn } from 'node:timers/promises';
import { isCompression, methods } from '../../contract/methods';
import type { Split } from '../../contract/metric-names';
import { selectByProblem } from '../../contract/metrics';
import type { DataFiles, Result } from '../../contract/records';
import { type Checked, epochsOf, type Problem, type RunSpec } from '../../contract/run-spec';
import { compressions } from '../compression';
import type { Batch, Role } from '../data/batch';
import { batchOf, epochOrder, evaluationOrder, quizOrder } from '../data/batches';
import { type DataSet, loadDataSet } from '../data/dataset';
import { repeatedTextsNotes } from '../data/repeated-texts';
import type { Splits } from '../data/splits';
import { readTeacherLabels, type TeacherLabels } from '../data/teacher-labels';
import { createMethod, methodDefinitions } from '../methods';
import type { HintRequest, Method, TrainingState } from '../methods/method';
import { randomStream } from '../numeric/random';
import { evaluationBatchSize } from '../teacher/teacher-logits';
import { rowsLearntBefore } from './learnt-rows';
import { type LocatedModel, locateModel } from './locate-model';
import { encodeExamples, prepareTexts, type RunExamples } from './run-examples';
import { buildStudent, buildTeacher, type RunModel } from './run-model';
import { labellingTeacher, scoredTeacher, type TeacherOfRun } from './scored-teacher';
import type { InputSetting } from './setting';
import { alignsWords } from './teacher-hints';

/** All that a run trains on and with. What changes while it trains is the session. */
export interface RunInputs extends TeacherOfRun {
  spec: RunSpec;
  /** Labels in the order of the logits. */
  classes: readonly string[];
  rows: Result['rows'];
  dataFiles: DataFiles;
  /** What a reader of the result must know. */
  notes: string[];
  loadSeconds: number;
  stepsPerEpoch: number;
  totals: { totalSteps: number; totalEpochs: number };
  trainBatches(epoch: number): Batch[];
  /** null where the method uses no quiz set. */
  quizBatch(step: number): Batch | null;
  evaluationBatches: Record<Split, Batch[]>;
  method: Method;
  /** The state before the first step. To be called once: it takes over the initial weights. */
  begin(): TrainingState;
  /** The model the run trains. */
  subject: Pick<RunModel, 'role' | 'classifier' | 'exportFiles' | 'sparseMatrices'>;
  /** Of the teacher; null if it leaves none. */
  adapterFiles: RunModel['adapterFiles'];
}

/**
 * Reads, checks and encodes all that a run needs. What can be found missing or malformed without each other (data, teacher,
 * vectors) is told together, and then what does not fit together.
 */
export async function loadInputs(spec: RunSpec, setting: InputSetting): Promise<Checked<RunInputs> | 'interrupted'> {
  const startedAt = performance.now();
  const method = methods[spec.method];
  setting.onPhase('loading the data');
  const sources = await locateSources(spec, setting);
  if (sources.kind === 'invalid') return sources;
  const { data, located } = sources.value;
  const prepared = prepareTexts(spec, data);
  const selection = checkSelection(spec, data.classes);
  if (prepared.kind === 'invalid' || selection.kind === 'invalid') return allProblems([prepared, selection]);
  const { trainTexts, splits } = prepared.value;
  const learnt = learntBefore(spec, data, splits, located);
  if (learnt.problems.length > 0) return { kind: 'invalid', problems: learnt.problems };
  if (await isInterrupted(setting.signal)) return 'interrupted';

  setting.onPhase('loading the models');
  const labels = await labelsOfTeacher(spec, data, splits, setting);
  const hasModel = method.needs.teacher !== 'none' && spec.teacher?.kind !== 'labels';
  const teacher = hasModel ? await buildTeacher(spec, located.teacher, data.classes, trainTexts) : absent;
  const student =
    method.trains === 'student' ? await buildStudent(spec, located.student, data.classes, trainTexts) : absent;
  if (labels.kind === 'invalid' || teacher.kind === 'invalid' || student.kind === 'invalid')
    return allProblems([labels, teacher, student]);
  if (await isInterrupted(setting.signal)) return 'interrupted';

  const hintRequest = hintsAskedFor(spec, teacher.value);
  const examples = encodeExamples(
    prepared.value,
    student.value?.model ?? null,
    teacher.value?.model ?? null,
    hintRequest !== null && alignsWords(hintRequest),
  );
  const models = { student: student.value, teacher: teacher.value };
  const ofTeacher = labels.value
    ? labellingTeacher(labels.value, examples)
    : await scoredTeacher(spec, models.teacher, hintRequest, examples, setting);
  if (ofTeacher === 'interrupted') return 'interrupted';
  const notes = [
    ...located.teacher.notes,
    ...located.student.notes,
    ...learnt.notes,
    ...(labels.value ? [labelsNote] : []),
    ...repeatedTextsNotes(prepared.value, data, splits),
    ...absentClassNotes(data),
    ...(models.student?.notes ?? []),
    ...(models.teacher?.notes ?? []),
  ];
  const run = assemble(spec, data.classes, examples, models);
  return {
    kind: 'valid',
    value: {
      ...run,
      ...ofTeacher,
      dataFiles: data.files,
      notes: [...notes, ...ofTeacher.notes, ...notesOn(spec, run.rows)],
      loadSeconds: (performance.now() - startedAt) / 1000,
    },
  };
}

/** Rows that a model of the run has learnt in an earlier run and that this run holds out. */
function learntBefore(spec: RunSpec, data: DataSet, splits: Splits, located: Sources['located']) {
  const found = roles.flatMap((role) => {
    const { run } = located[role];
    return run === null ? [] : [rowsLearntBefore(role, run, spec, data, splits)];
  });
  return { problems: found.flatMap(({ problems }) => problems), notes: found.flatMap(({ notes }) => notes) };
}

const roles = ['teacher', 'student'] as const satisfies Role[];
const labelsNote =
  "which rows the model behind the teacher's file was trained on is not known: with dev rows among them, dev scores would be too good";

/** A class that the test file does not have has an F1 of 0 there, predicted or not. */
function absentClassNotes({ classes, test }: DataSet): string[] {
  const absentClasses = classes.filter((_, index) => !test.labels.includes(index));
  if (absentClasses.length === 0) return [];
  const names = absentClasses.map((name) => JSON.stringify(name)).join(', ');
  return [`no test row is of class ${names}, whose precision, recall and F1 count as 0 in the macro scores`];
}

/** The classes of the data decide whether a metric of a class can select the model. */
function checkSelection({ selectBy }: RunSpec, classes: readonly string[]): Checked<null> {
  const message = selectByProblem(selectBy, classes);
  return message === null ? absent : { kind: 'invalid', problems: [{ path: 'selectBy', message }] };
}

/** The hints that the method asks for; null: none. */
function hintsAskedFor({ method, parameters }: RunSpec, teacher: RunModel | null): HintRequest | null {
  const hints = isCompression(method) ? undefined : methodDefinitions[method].hints;
  return hints && teacher ? hints(parameters, teacher.model.sizes) : null;
}

/** What the file of a teacher that is labels says of the rows that are used; null for any other teacher. */
async function labelsOfTeacher(
  { method, teacher }: RunSpec,
  { train, test, classes }: DataSet,
  splits: Splits,
  setting: InputSetting,
): Promise<Checked<TeacherLabels | null>> {
  if (teacher?.kind !== 'labels' || methods[method].needs.teacher === 'none') return absent;
  const wanted = { ...train, rows: splits.train, dev: splits.dev, testTexts: test.texts, classes };
  return readTeacherLabels(teacher, wanted, setting);
}

interface Sources {
  data: DataSet;
  located: Record<Role, LocatedModel>;
}

async function locateSources(spec: RunSpec, setting: InputSetting): Promise<Checked<Sources>> {
  const { needs, trains } = methods[spec.method];
  const [data, teacher, student] = await Promise.all([
    loadDataSet(spec.data, setting),
    locateModel('teacher', needs.teacher === 'none' ? null : spec.teacher, spec, setting),
    locateModel('student', trains === 'student' ? spec.student : null, spec, setting),
  ]);
  if (data.kind === 'invalid' || teacher.kind === 'invalid' || student.kind === 'invalid')
    return allProblems([data, teacher, student]);
  return { kind: 'valid', value: { data: data.value, located: { teacher: teacher.value, student: student.value } } };
}

type Models = { student: RunModel | null; teacher: RunModel | null };

function assemble(spec: RunSpec, classes: readonly string[], examples: RunExamples, { student, teacher }: Models) {
  const { parameters, seed, method } = spec;
  const { batchSize, quizBatchSize, lengthAwareBatching } = parameters;
  const { train, quiz, dev, test } = examples;
  const steps = isCompression(method) ? compressions[method].steps(student!.model) : null;
  const stepsPerEpoch = steps ?? Math.ceil(train.rows.length / batchSize);
  const epochs = epochsOf(spec);
  const totalSteps = epochs * stepsPerEpoch;
  const created = isCompression(method)
    ? compressions[method].create({ parameters, model: student!.model })
    : createMethod(method, {
        parameters,
        totalSteps,
        student: student?.classifier ?? null,
        teacher: teacher?.classifier ?? null,
        hints: student &&
          teacher && {
            student: student.states,
            sizes: { student: student.model.sizes, teacher: teacher.model.sizes },
            random: randomStream(seed, 'projections'),
          },
      });
  // A compression takes its steps on no rows.
  const orderOf = (epoch: number): Int32Array[] =>
    steps === null
      ? epochOrder(train, batchSize, lengthAwareBatching, seed, epoch)
      : Array.from({ length: steps }, () => new Int32Array());
  const evaluationBatches = (of: typeof dev) =>
    evaluationOrder(of, evaluationBatchSize).map((positions) => batchOf(of, positions));
  const subject = (student ?? teacher) as RunModel;
  return {
    spec,
    classes,
    rows: { train: train.rows.length, quiz: quiz.rows.length, dev: dev.rows.length, test: test.rows.length },
    stepsPerEpoch,
    totals: { totalSteps, totalEpochs: epochs },
    trainBatches: (epoch: number) => orderOf(epoch).map((positions) => batchOf(train, positions)),
    quizBatch: (step: number) =>
      methods[method].needs.quiz ? batchOf(quiz, quizOrder(quiz, quizBatchSize ?? batchSize, seed, step)) : null,
    evaluationBatches: { dev: evaluationBatches(dev), test: evaluationBatches(test) },
    method: created,
    begin: () =>
      created.begin({
        student: student?.learning ?? null,
        teacher: methods[method].teacherLearns !== 'nothing' ? (teacher?.learning ?? null) : null,
      }),
    subject,
    adapterFiles: teacher?.adapterFiles ?? null,
  };
}

/** Below this many dev rows one row is over a point of accuracy. */
const fewDevRows = 100;

function notesOn({ parameters }: RunSpec, rows: Result['rows']): string[] {
  const notes: string[] = [];
  if (parameters.trainShare < 1)
    notes.push(`trained on ${rows.train} rows, a share of ${parameters.trainShare} of what there was (trainShare)`);
  if (rows.dev < fewDevRows) notes.push(`selected on ${rows.dev} dev rows only: the choice of epoch is mostly chance`);
  return notes;
}

const absent = { kind: 'valid', value: null } as const;

function allProblems(checks: readonly Checked<unknown>[]): { kind: 'invalid'; problems: Problem[] } {
  return { kind: 'invalid', problems: checks.flatMap((check) => (check.kind === 'invalid' ? check.problems : [])) };
}

async function isInterrupted(signal: AbortSignal): Promise<boolean> {
  await nextTurn();
  return signal.aborted;
}
