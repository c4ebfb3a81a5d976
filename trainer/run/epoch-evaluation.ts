import { metricNames, type Split, scoreName } from '../../contract/metric-names';
import { describeMetric, isBetter } from '../../contract/metrics';
import { type Scores, scoreMetrics, scoresOf } from '../evaluation/evaluate';
import type { Predictions } from '../evaluation/predict';
import { predict } from '../evaluation/predict';
import type { RunInputs } from '../inputs/run-inputs';
import { withoutTrainingOnly } from '../models/model';
import { packWeights } from '../models/weights-file';
import { NotFiniteError } from '../records/figures';
import { finiteOrNull } from '../records/metric-log';
import { writePredictions } from '../records/predictions';
import type { RunRecords } from '../records/run-records';
import { learnerOf, type Session } from './session';

const splits = ['dev', 'test'] as const satisfies Split[];

/**
 * Closes an epoch: scores the model on dev and test, keeps its predictions, logs the epoch's record, and selects the model if it
 * is better on dev than any before (of equals the earliest stays). In epoch 0 only the teacher is scored.
 *
 * @returns 'interrupted': nothing was recorded, and the session is as it was at the epoch's last step.
 * @throws NotFiniteError where the loss on a split is not a number.
 */
export async function evaluateEpoch(
  run: RunInputs,
  session: Session,
  records: RunRecords,
  signal: AbortSignal,
): Promise<'evaluated' | 'interrupted'> {
  const startedAt = performance.now();
  const { epoch, step } = session;
  records.progress.update({ phase: 'evaluating', epoch, step });
  const predictions = await predictSplits(run, session, signal);
  const values = await teacherValues(run, session, signal);
  if (predictions === null || values === null) return 'interrupted';

  for (const split of epoch === 0 ? [] : splits) {
    const scores = finiteScores(
      split,
      scoresOf(predictions[split].logits, predictions[split].labels, run.classes.length),
      step,
    );
    Object.assign(values, scoreMetrics(split, scores, run.classes));
    await writePredictions(records.objects, records.runId, { split, epoch }, predictions[split], run.classes);
  }
  const evaluateSeconds = (performance.now() - startedAt) / 1000;
  session.seconds.evaluate += evaluateSeconds;
  if (epoch > 0) Object.assign(values, trainingValues(session, evaluateSeconds), await sparsityValues(run, session));
  if (Object.keys(values).length === 0) return 'evaluated';
  records.metrics.add({
    step,
    epoch,
    elapsedSeconds: records.elapsedSeconds(),
    scope: 'epoch',
    values: finiteOrNull(values),
  });
  await records.metrics.flush();
  await selectIfBest(run, session, values[run.spec.selectBy]);
  return 'evaluated';
}

async function predictSplits(
  run: RunInputs,
  session: Session,
  signal: AbortSignal,
): Promise<Record<Split, Predictions> | null> {
  const none: Predictions = { rows: new Int32Array(), labels: new Int32Array(), logits: new Float32Array() };
  const predictions = { dev: none, test: none };
  for (const split of session.epoch === 0 ? [] : splits) {
    const { weights } = learnerOf(session.state, run.subject.role);
    const ofSplit = await predict(run.subject.classifier, weights, run.evaluationBatches[split], signal);
    if (ofSplit === null) return null;
    predictions[split] = ofSplit;
  }
  return predictions;
}

/** Scores of the teacher where they are due at this epoch; null where interrupted. */
async function teacherValues(
  run: RunInputs,
  session: Session,
  signal: AbortSignal,
): Promise<Record<string, number> | null> {
  const values: Record<string, number> = {};
  for (const split of run.teacher?.splitsScoredAt(session.epoch) ?? []) {
    const predictions = await run.teacher!.predict(split, session, signal);
    if (predictions === null) return null;
    const scores = scoresOf(predictions.logits, predictions.labels, run.classes.length);
    Object.assign(values, scoreMetrics(split, finiteScores(split, scores, session.step), run.classes, 'teacher/'));
  }
  return values;
}

function trainingValues({ figures }: Session, evaluateSeconds: number): Record<string, number> {
  const { means, examples, seconds } = figures.close('epoch');
  return {
    ...means,
    ...(examples > 0 && { [metricNames.examplesPerSecond]: examples / seconds }),
    [metricNames.trainSeconds]: seconds,
    [metricNames.evaluateSeconds]: evaluateSeconds,
    [metricNames.epochSeconds]: seconds + evaluateSeconds,
  };
}

/** Sparsity and non-zero parameters of a pruned model; empty for any other model. */
async function sparsityValues({ subject }: RunInputs, { state }: Session): Promise<Record<string, number>> {
  if (subject.sparseMatrices.length === 0) return {};
  const { weights } = learnerOf(state, subject.role);
  let [all, allOfSparse, zerosOfSparse] = [0, 0, 0];
  for (const [name, weight] of Object.entries(withoutTrainingOnly(weights))) {
    all += weight.size;
    if (!subject.sparseMatrices.includes(name)) continue;
    const values = await weight.data();
    allOfSparse += values.length;
    for (const value of values) zerosOfSparse += Number(value === 0);
  }
  return {
    [metricNames.sparsity]: zerosOfSparse / allOfSparse,
    [metricNames.nonZeroParameters]: all - zerosOfSparse,
  };
}

/** Keeps the weights of the epoch that is best by the run's `selectBy`, the earliest of equals. */
async function selectIfBest(run: RunInputs, session: Session, score: number | undefined): Promise<void> {
  const { epoch, step, selected } = session;
  if (score === undefined) return;
  const { better } = describeMetric(run.spec.selectBy);
  if (selected !== null && !isBetter(better, score, selected.score)) return;
  session.selected = {
    epoch,
    step,
    score,
    weights: await packWeights(learnerOf(session.state, run.subject.role).weights),
  };
}

function finiteScores(split: Split, scores: Scores, step: number): Scores {
  const { loss } = scores.values;
  if (!Number.isFinite(loss)) throw new NotFiniteError(scoreName(split, 'loss'), loss, step);
  return scores;
}
