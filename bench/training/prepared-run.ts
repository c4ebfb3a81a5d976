import * as tf from '@tensorflow/tfjs-core';
import { methods } from '../../contract/methods';
import { type Checked, parseRunSpec, type RunSpec } from '../../contract/run-spec';
import type { Batch } from '../../trainer/data/batch';
import { batchOf, epochOrder, quizOrder } from '../../trainer/data/batches';
import { loadDataSet } from '../../trainer/data/dataset';
import { encodeExamples, prepareTexts } from '../../trainer/inputs/run-examples';
import { buildStudent, buildTeacher } from '../../trainer/inputs/run-model';
import { createMethod } from '../../trainer/methods';
import type { TrainingState } from '../../trainer/methods/method';
import { inputsOf } from '../../trainer/models/model';
import { localFolder } from '../../trainer/models/model-files';
import { randomStream } from '../../trainer/numeric/random';
import type { Batches, MeasuredStep } from './steps';
import { dataFiles } from './steps';

/** A run whose steps can be taken one by one, made of the trainer's own parts. */
export interface PreparedRun {
  batches: Batches;
  /** Takes a step on the batch of this number, as the training loop does, and reads its loss back. */
  takeStep(batch: number): Promise<void>;
}

/**
 * @param count batches of the first epoch, at quantiles of their padded length so that they stand for it
 * @throws Error where the data or the teacher cannot be used
 */
export async function prepareRun(step: MeasuredStep, folder: string, count: number): Promise<PreparedRun> {
  const files = dataFiles(folder);
  const spec = specOf(step, folder);
  const { needs, trains } = methods[step.method];
  const data = valid(await loadDataSet(spec.data, { cacheDirectory: folder, s3: { endpoint: null, region: null } }));
  const texts = valid(prepareTexts(spec, data));
  // In kd the cached logits are any numbers: the teacher itself takes no part in a step.
  const teacher =
    needs.teacher !== 'none' && step.method !== 'kd'
      ? valid(
          await buildTeacher(
            spec,
            { files: localFolder(files.teacher), vectorsFile: null },
            data.classes,
            texts.trainTexts,
          ),
        )
      : null;
  const student =
    trains === 'student'
      ? valid(await buildStudent(spec, { files: null, vectorsFile: files.vectors }, data.classes, texts.trainTexts))
      : null;
  const { train, quiz } = encodeExamples(texts, student?.model ?? null, teacher?.model ?? null, false);
  const { batchSize, quizBatchSize, epochs } = spec.parameters;
  const all = epochOrder(train, batchSize, true, spec.seed, 1)
    .filter((positions) => positions.length === batchSize)
    .map((positions) => batchOf(train, positions))
    .sort((a, b) => longest(a) - longest(b));
  const batches = Array.from({ length: count }, (_, k) => all[Math.floor(((k + 0.5) * all.length) / count)]!);
  const quizBatches = batches.map((_, k) => batchOf(quiz, quizOrder(quiz, quizBatchSize ?? batchSize, spec.seed, k)));
  await teacher?.hiddenStates?.keep(
    batches.map((batch) => inputsOf(batch, 'teacher')),
    new AbortController().signal,
  );

  const method = createMethod(step.method, {
    parameters: spec.parameters,
    totalSteps: epochs * all.length,
    student: student?.classifier ?? null,
    teacher: teacher?.classifier ?? null,
  });
  let state = method.begin({ student: student?.learning ?? null, teacher: teacher?.learning ?? null });
  let steps = 0;
  const logits = step.method === 'kd' ? tf.randomNormal<tf.Rank.R2>([batchSize, data.classes.length]) : null;
  return {
    batches: {
      train: batches.map(({ rows }) => [...rows]),
      quiz: quizBatches.map(({ rows }) => [...rows]),
      vocabulary: [...train.rows],
    },
    takeStep: async (index) => {
      const random = randomStream(spec.seed, 'step', steps);
      const inputs = { batch: batches[index]!, quiz: needs.quiz ? quizBatches[index]! : null, step: steps, random };
      const outcome = tidied(() => method.step(state, { ...inputs, teacherLogits: logits && tf.clone(logits) }));
      tf.dispose(state as unknown as tf.TensorContainer);
      state = outcome.state;
      steps += 1;
      await Object.values(outcome.figures)[0]!.data();
      tf.dispose(outcome.figures);
    },
  };
}

function specOf({ method, parameters }: MeasuredStep, folder: string): RunSpec {
  const { train, test, teacher, vectors } = dataFiles(folder);
  return valid(
    parseRunSpec({
      runId: 'bench',
      method,
      data: { train, test },
      teacher: methods[method].needs.teacher !== 'none' ? { kind: 'folder', location: teacher } : null,
      student: methods[method].trains === 'student' ? { kind: 'bilstm', vectors } : null,
      parameters,
    }),
  );
}

function valid<T>(checked: Checked<T>): T {
  if (checked.kind === 'valid') return checked.value;
  throw new Error(checked.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
}

const longest = ({ inputs }: Batch): number => Math.max(...(inputs.teacher ?? inputs.student)!.lengths);

const tidied = <T extends { state: TrainingState }>(compute: () => T): T =>
  tf.tidy(compute as unknown as () => tf.TensorContainer) as unknown as T;
