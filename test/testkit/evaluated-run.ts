import type { Services } from '../../api/context/context';
import type { RunTable } from '../../api/database/tables';
import type { ObjectStore } from '../../contract/objects/object-store';
import type { RunSpecInput } from '../../contract/run-spec';
import { writePredictions } from '../../trainer/records/predictions';
import { insertRun } from './api-services';

/** What an evaluation that closed an epoch measured. */
export interface EvaluatedEpoch {
  epoch: number;
  seconds: number;
  dev?: number;
  test?: number;
}

/** A succeeded run with the evaluations it closed its epochs with; its variant is named like its group. */
export async function insertEvaluatedRun(
  services: Services,
  id: string,
  given: Partial<RunTable>,
  epochs: readonly EvaluatedEpoch[],
  spec: Partial<RunSpecInput> = {},
): Promise<void> {
  await insertRun(services, id, { state: 'SUCCEEDED', variant: String(given.group_id), ...given }, spec);
  const rows = epochs.flatMap(({ epoch, seconds, dev, test }) =>
    Object.entries({ 'dev/accuracy': dev, 'test/accuracy': test }).flatMap(([name, value]) =>
      value === undefined ? [] : [{ run_id: id, epoch, step: epoch * 10, elapsed_seconds: seconds, name, value }],
    ),
  );
  if (rows.length > 0) await services.database.insertInto('epoch_metric').values(rows).execute();
}

/** What a trainer leaves of an evaluation of the test set: every row with the class it was taken for. */
export async function writeTestPredictions(
  objects: ObjectStore,
  runId: string,
  epoch: number,
  { labels, predicted, classes }: { labels: Int32Array; predicted: Int32Array; classes: readonly string[] },
): Promise<void> {
  const logits = new Float32Array(labels.length * classes.length);
  predicted.forEach((k, row) => {
    logits[row * classes.length + k] = 1;
  });
  const rows = labels.map((_, row) => row);
  await writePredictions(objects, runId, { split: 'test', epoch }, { rows, labels, logits }, classes);
}
