import { setImmediate as nextTurn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import { metricNames } from '../../contract/metric-names';
import type { Checkpoint } from '../checkpoint/checkpoint';
import type { Batch } from '../data/batch';
import { withinMemory } from '../evaluation/batch-memory';
import type { RunInputs } from '../inputs/run-inputs';
import { randomStream } from '../numeric/random';
import { NotFiniteError } from '../records/figures';
import { finiteOrNull } from '../records/metric-log';
import type { RunRecords } from '../records/run-records';
import { evaluateEpoch } from './epoch-evaluation';
import { newSession, restoreSession, type Session, saveSession } from './session';

export type TrainingEnd =
  | { kind: 'finished'; session: Session }
  /** A checkpoint of this step was written; at step 0 there is nothing to keep. */
  | { kind: 'interrupted'; step: number }
  /** A figure became NaN or infinite. `checkpointStep`: where the last checkpoint is, which is kept; null: none. */
  | { kind: 'not-finite'; error: NotFiniteError; checkpointStep: number | null };

/**
 * Trains a run from its beginning, or from a checkpoint, to its last epoch. A step depends on nothing but the session, the
 * inputs and random streams named by (seed, purpose, step), so it makes no difference to what comes out where a run was
 * interrupted. Epoch 0 has no steps: it evaluates the teacher before training.
 *
 * @param signal when aborted, the current step is finished, a checkpoint written, and training ends as 'interrupted'.
 */
export async function train(
  run: RunInputs,
  records: RunRecords,
  resumed: Checkpoint | null,
  signal: AbortSignal,
): Promise<TrainingEnd> {
  const session = resumed ? restoreSession(resumed, run) : newSession(run);
  try {
    while (session.epoch <= run.totals.totalEpochs) {
      const batches = session.epoch === 0 ? [] : run.trainBatches(session.epoch);
      while (session.stepInEpoch < batches.length) {
        if (await isInterrupted(signal)) return await interrupt(run, session, records);
        takeStep(run, session, batches[session.stepInEpoch]!);
        records.progress.update({ phase: 'training', step: session.step, epoch: session.epoch });
        if (isLogged(run, session)) await logInterval(session, records);
        if (checkpointIsDue(run, session)) await saveSession(session, run, records);
      }
      const evaluated = await evaluateEpoch(run, session, records, signal);
      if (evaluated === 'interrupted') return await interrupt(run, session, records);
      Object.assign(session, { epoch: session.epoch + 1, stepInEpoch: 0 });
      if (session.step > 0) await saveSession(session, run, records);
    }
    return { kind: 'finished', session };
  } catch (error) {
    if (!(error instanceof NotFiniteError)) throw error;
    return { kind: 'not-finite', error, checkpointStep: session.savedStep };
  }
}

function takeStep(run: RunInputs, session: Session, batch: Batch): void {
  const startedAt = performance.now();
  const { step, state } = session;
  const take = () =>
    run.method.step(state, {
      batch,
      quiz: run.quizBatch(step),
      teacherLogits: run.teacherLogits?.(batch.rows) ?? null,
      hints: run.hints?.(batch) ?? null,
      step,
      random: randomStream(run.spec.seed, 'step', step),
    });
  const outcome = withinMemory(batch, run.spec, () => tidied(take));
  tf.dispose(state as unknown as tf.TensorContainer);
  const seconds = (performance.now() - startedAt) / 1000;
  Object.assign(session, { state: outcome.state, step: step + 1, stepInEpoch: session.stepInEpoch + 1 });
  session.figures.add(session.step, outcome.figures, batch.rows.length, seconds);
  session.seconds.train += seconds;
}

/** A metric record every so many steps, and at an epoch's last so that none spans two epochs. */
const isLogged = (run: RunInputs, { step, stepInEpoch }: Session): boolean =>
  step % run.spec.execution.logEverySteps === 0 || stepInEpoch === run.stepsPerEpoch;

async function logInterval(session: Session, records: RunRecords): Promise<void> {
  const startedAt = performance.now();
  await session.figures.readBack();
  session.seconds.train += (performance.now() - startedAt) / 1000;
  const { means, examples, seconds } = session.figures.close('interval');
  // A compression takes its steps on no rows.
  if (examples === 0) return;
  records.metrics.add({
    step: session.step,
    epoch: session.epoch,
    elapsedSeconds: records.elapsedSeconds(),
    scope: 'step',
    values: finiteOrNull({ ...means, [metricNames.examplesPerSecond]: examples / seconds }),
  });
  await records.metrics.flushIfDue();
}

/** The evaluation at an epoch's end is followed by a checkpoint anyway. */
function checkpointIsDue(run: RunInputs, { savedAt, stepInEpoch }: Session): boolean {
  const seconds = (performance.now() - savedAt) / 1000;
  return seconds >= run.spec.execution.checkpointSeconds && stepInEpoch < run.stepsPerEpoch;
}

async function interrupt(run: RunInputs, session: Session, records: RunRecords): Promise<TrainingEnd> {
  records.progress.update({ phase: 'writing a checkpoint' });
  if (session.step > 0) await saveSession(session, run, records);
  return { kind: 'interrupted', step: session.step };
}

/** Lets signals and timers in between two steps. */
async function isInterrupted(signal: AbortSignal): Promise<boolean> {
  await nextTurn();
  return signal.aborted;
}

/** `tf.tidy` for results that TypeScript does not take for tensor containers, such as null beside tensors. */
const tidied = <T>(compute: () => T): T => tf.tidy(compute as unknown as () => tf.TensorContainer) as unknown as T;
