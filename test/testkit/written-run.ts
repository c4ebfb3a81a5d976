import { attemptEndKey, attemptKey, metricsKey, progressKey, resultKey } from '../../contract/keys';
import type { ObjectStore } from '../../contract/objects/object-store';
import type { Attempt, AttemptEnd, MetricRecord, Progress, Result } from '../../contract/records';
import { parseRunSpec } from '../../contract/run-spec';

/** What a trainer writes, by hand: the objects of a run for tests that need no training. */
const at = '2026-01-01T00:00:00.000Z';

export async function writeAttempt(
  objects: ObjectStore,
  runId: string,
  attempt: number,
  resumedFromStep: number | null,
  given: Partial<Attempt> = {},
) {
  const record: Attempt = {
    version: 1,
    runId,
    attempt,
    startedAt: at,
    host: 'a-host',
    pid: 1,
    engine: { name: 'portable', version: '1', device: 'cpu', threads: 1, reason: 'a test' },
    node: 'v20',
    code: '0',
    resumedFromStep,
    ...given,
  };
  await objects.write(attemptKey(runId, attempt), JSON.stringify(record));
}

export async function writeEnd(objects: ObjectStore, runId: string, attempt: number, end: AttemptEnd) {
  await objects.write(attemptEndKey(runId, attempt), JSON.stringify(end));
}

export const stepRecord = (step: number, values: MetricRecord['values']): MetricRecord => ({
  step,
  epoch: 0,
  elapsedSeconds: step / 10,
  scope: 'step',
  values,
});

export const epochRecord = (epoch: number, step: number, values: MetricRecord['values']): MetricRecord => ({
  step,
  epoch,
  elapsedSeconds: step / 10,
  scope: 'epoch',
  values,
});

export async function writeChunk(
  objects: ObjectStore,
  runId: string,
  attempt: number,
  sequence: number,
  records: MetricRecord[],
) {
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  await objects.write(metricsKey(runId, attempt, sequence), lines, { if: 'absent' });
}

export async function writeProgress(objects: ObjectStore, runId: string, given: Partial<Progress> = {}) {
  const progress: Progress = {
    attempt: 1,
    at: new Date().toISOString(),
    phase: 'training',
    step: 5,
    totalSteps: 10,
    epoch: 0,
    totalEpochs: 1,
    ...given,
  };
  await objects.write(progressKey(runId), JSON.stringify(progress));
}

export async function writeResult(objects: ObjectStore, runId: string, attempt = 1, given: Partial<Result> = {}) {
  const data = { train: '/nowhere/train.csv', test: '/nowhere/test.csv' };
  const spec = parseRunSpec({ runId, method: 'scratch', data });
  if (spec.kind === 'invalid') throw new Error(JSON.stringify(spec.problems));
  const epoch = { epoch: 1, step: 10, elapsedSeconds: 1, values: { 'dev/accuracy': 0.5 } };
  const result: Result = {
    version: 1,
    runId,
    attempt,
    finishedAt: at,
    spec: spec.value,
    classes: ['a', 'b'],
    rows: { train: 8, quiz: 1, dev: 1, test: 2 },
    selectedOn: 'dev/accuracy',
    selected: epoch,
    final: epoch,
    trainedParameters: 123,
    modelBytes: 492,
    seconds: { total: 1 },
    notes: ['a short dev set'],
    ...given,
  };
  await objects.write(resultKey(runId), JSON.stringify(result), { if: 'absent' });
}
