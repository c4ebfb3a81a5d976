import { digestOfPredictions, predictionsDigestName } from '../../contract/digests';
import { predictionsKey } from '../../contract/keys';
import type { Split } from '../../contract/metric-names';
import type { ObjectStore } from '../../contract/objects/object-store';
import { indexOfLargest } from '../evaluation/evaluate';
import type { Predictions } from '../evaluation/predict';

/**
 * Writes the predictions of an evaluated epoch: columns row, label, predicted and logit_0 .. logit_(c-1), with the labels of the
 * classes in the file's metadata under `classes` and a digest of all but the logits under `digest`. The bytes depend on the predictions alone.
 */
export async function writePredictions(
  objects: ObjectStore,
  runId: string,
  at: { split: Split; epoch: number },
  predictions: Predictions,
  classes: readonly string[],
): Promise<void> {
  const { parquetWriteBuffer } = await import('hyparquet-writer');
  const { rows, labels, logits } = predictions;
  const width = classes.length;
  const predicted = Int32Array.from(rows, (_, i) => indexOfLargest(logits.subarray(i * width, (i + 1) * width)));
  const classesText = JSON.stringify(classes);
  const body = parquetWriteBuffer({
    columnData: [
      { name: 'row', type: 'INT32', nullable: false, data: rows },
      { name: 'label', type: 'INT32', nullable: false, data: labels },
      { name: 'predicted', type: 'INT32', nullable: false, data: predicted },
      ...classes.map((_, k) => ({
        name: `logit_${k}`,
        type: 'FLOAT' as const,
        nullable: false,
        data: Float32Array.from(rows, (_, i) => logits[i * width + k]!),
      })),
    ],
    kvMetadata: [
      { key: 'classes', value: classesText },
      { key: predictionsDigestName, value: digestOfPredictions(classesText, { row: rows, label: labels, predicted }) },
    ],
  });
  await objects.write(predictionsKey(runId, at.split, at.epoch), new Uint8Array(body));
}
