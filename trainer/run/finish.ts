import * as tf from '@tensorflow/tfjs-core';
import { adapterFolder, modelKey, resultKey } from '../../contract/keys';
import { isCompression } from '../../contract/methods';
import type { Attempt, MetricRecord, Result } from '../../contract/records';
import { describeFile } from '../checkpoint/stored-file';
import type { RunInputs } from '../inputs/run-inputs';
import type { SavedFiles } from '../models/model';
import { unpackWeights } from '../models/weights-file';
import { readAttempts } from '../records/attempts';
import { readHistory, writeHistory } from '../records/history';
import type { RunRecords } from '../records/run-records';
import { pilotNotes } from './pilot-note';
import type { Session } from './session';

/** What a trained run leaves behind: the selected model, the whole history, and last the result. */
export async function finishRun(
  run: RunInputs,
  session: Session,
  records: RunRecords,
  attempt: Attempt,
  notes: readonly string[],
): Promise<void> {
  const { objects, runId } = records;
  records.progress.update({ phase: 'writing the result' });
  const { selected, state } = session;
  if (selected === null) throw new Error('training finished without an evaluated epoch');

  const weights = unpackWeights(selected.weights);
  const files = await run.subject.exportFiles(weights);
  // Of a student's teacher there is no best epoch: it is kept as it is at the end.
  const adapter = await run.adapterFiles?.(run.subject.role === 'teacher' ? weights : state.teacher!.weights);
  tf.dispose(Object.values(weights));
  const model = Object.entries({ ...files, ...inAdapterFolder(adapter) });
  for (const [name, body] of model) await objects.write(modelKey(runId, name), body);

  await records.metrics.flush();
  const history = await readHistory(objects, runId);
  await writeHistory(objects, runId, history);
  const result: Result = {
    version: 1,
    runId,
    attempt: attempt.attempt,
    finishedAt: new Date().toISOString(),
    attemptSeconds: records.attemptSeconds(),
    spec: run.spec,
    classes: [...run.classes],
    rows: run.rows,
    dataFiles: run.dataFiles,
    selectedOn: run.spec.selectBy,
    selected: evaluatedEpoch(history, selected.epoch),
    final: evaluatedEpoch(history, run.totals.totalEpochs),
    trainedParameters: isCompression(run.spec.method)
      ? 0
      : countValues(state.student?.weights) + countValues(state.teacher?.weights),
    modelBytes: weightsBytes(files),
    modelFiles: model.map(([name, body]) => describeFile(name, body)),
    seconds: { total: records.elapsedSeconds(), ...session.seconds },
    notes: [...notes, ...pilotNotes(history, run.spec.parameters), ...(await engineNotes(records))],
  };
  await objects.write(resultKey(runId), `${JSON.stringify(result, null, 2)}\n`);
}

const inAdapterFolder = (files: SavedFiles = {}): SavedFiles =>
  Object.fromEntries(Object.entries(files).map(([name, body]) => [`${adapterFolder}/${name}`, body]));

function evaluatedEpoch(history: readonly MetricRecord[], epoch: number): Result['final'] {
  const record = history.find((record) => record.scope === 'epoch' && record.epoch === epoch);
  if (record === undefined)
    throw new Error(`the history has no evaluation of epoch ${epoch}: a metrics chunk is missing`);
  const { step, elapsedSeconds, values } = record;
  return { epoch, step, elapsedSeconds, values };
}

const countValues = (weights: Readonly<Record<string, tf.Tensor>> = {}): number =>
  Object.values(weights).reduce((count, { size }) => count + size, 0);

const weightsBytes = (files: Readonly<Record<string, Uint8Array | string>>): number =>
  Object.entries(files).reduce((sum, [name, body]) => sum + (name.endsWith('.safetensors') ? body.length : 0), 0);

/** Attempts on different engines agree but for rounding: the run is then not reproducible bit by bit. */
async function engineNotes({ objects, runId }: RunRecords): Promise<string[]> {
  const attempts = await readAttempts(objects, runId);
  const engines = new Set(
    attempts.filter((a) => a.engine.version !== 'none').map((a) => `${a.engine.name} on ${a.engine.device}`),
  );
  return engines.size > 1 ? [`its attempts ran on different engines: ${[...engines].join(', ')}`] : [];
}
