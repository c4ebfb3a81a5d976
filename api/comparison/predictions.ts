import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { digestOfPredictions, predictionsDigestName } from '../../contract/digests';
import { predictionsKey } from '../../contract/keys';
import type { Split } from '../../contract/metric-names';
import { DamagedObjectError } from '../../contract/objects/damaged-object';
import type { ObjectStore } from '../../contract/objects/object-store';
import { breathe } from '../shared/breathe';
import { tellDamage } from '../shared/tell-damage';
import type { Predicted, ResampledScore } from './statistics/bootstrap';
import { drawnByClass, resampledScores } from './statistics/bootstrap';
import { type ResampledRows, resampleRows, rowBits } from './statistics/resampled-rows';

/** Which predictions: of a run on a split, at the end of an epoch. */
export interface PredictionsPlace {
  runId: string;
  split: Split;
  epoch: number;
}

export interface StoredPredictions extends Predicted {
  /** The same for the same rows with the same labels and classes. */
  rowsHash: string;
}

/** Predictions of finished runs: read once, since nothing of a finished run changes. */
export interface Predictions {
  /** null if none are stored. Damage is logged and not cached, so the next call notices a repair. */
  read(place: PredictionsPlace): Promise<StoredPredictions | DamagedObjectError | null>;
  /** Scores on the resampled rows; `predictions` are those of the place. */
  resampled(place: PredictionsPlace, predictions: StoredPredictions, score: ResampledScore): Promise<Float64Array>;
}

/** Objects read at a time. */
const readers = 16;
const cacheBytes = { predictions: 64e6, scores: 64e6, rows: 128e6 };
const byStore = new WeakMap<ObjectStore, Predictions>();

/** One for each store, for as long as it lives. */
export function predictionsOf(objects: ObjectStore): Predictions {
  const known = byStore.get(objects) ?? createPredictions(objects);
  byStore.set(objects, known);
  return known;
}

function createPredictions(objects: ObjectStore): Predictions {
  const stored = new LRUCache<string, StoredPredictions>({
    maxSize: cacheBytes.predictions,
    sizeCalculation: ({ labels, predicted, right }) => labels.byteLength + predicted.byteLength + right.byteLength,
  });
  const scores = new LRUCache<string, Float64Array>({
    maxSize: cacheBytes.scores,
    sizeCalculation: (values) => values.byteLength,
  });
  const rows = new LRUCache<string, DrawnRows>({
    maxSize: cacheBytes.rows,
    sizeCalculation: ({ resampled, drawn }) =>
      drawn.reduce((sum, counts) => sum + counts.byteLength, 1 + resampled.planes.byteLength),
  });
  const rowsUnderWay = new Map<string, Promise<DrawnRows>>();
  const resampledRows = (predictions: StoredPredictions): DrawnRows | Promise<DrawnRows> => {
    const { rowsHash } = predictions;
    const known = rows.get(rowsHash) ?? rowsUnderWay.get(rowsHash);
    if (known !== undefined) return known;
    const made = drawRows(predictions)
      .then((drawn) => {
        rows.set(rowsHash, drawn);
        return drawn;
      })
      .finally(() => rowsUnderWay.delete(rowsHash));
    rowsUnderWay.set(rowsHash, made);
    return made;
  };
  return {
    async read({ runId, split, epoch }) {
      const key = predictionsKey(runId, split, epoch);
      const known = stored.get(key);
      if (known !== undefined) return known;
      const body = await objects.read(key);
      if (body === null) return null;
      await breathe();
      const predictions = await parsePredictions(body).catch(
        (error: Error) => new DamagedObjectError(key, `it is not a readable file of predictions: ${error.message}`),
      );
      if (predictions instanceof DamagedObjectError) {
        tellDamage(predictions);
        return predictions;
      }
      stored.set(key, predictions);
      return predictions;
    },
    async resampled({ runId, split, epoch }, predictions, score) {
      const key = `${predictionsKey(runId, split, epoch)} ${score}`;
      const known = scores.get(key);
      if (known !== undefined) return known;
      const { resampled, drawn } = await resampledRows(predictions);
      const values = await resampledScores(resampled, drawn, predictions, score);
      scores.set(key, values);
      return values;
    },
  };
}

interface DrawnRows {
  resampled: ResampledRows;
  /** As `drawnByClass` gives it. */
  drawn: Int32Array[];
}

async function drawRows(predictions: StoredPredictions): Promise<DrawnRows> {
  const resampled = await resampleRows(predictions.labels.length);
  return { resampled, drawn: await drawnByClass(resampled, predictions) };
}

/** Predictions at all of some places, some at a time. */
export async function readAll(
  predictions: Predictions,
  places: readonly PredictionsPlace[],
): Promise<(StoredPredictions | DamagedObjectError | null)[]> {
  const found = new Array<StoredPredictions | DamagedObjectError | null>(places.length).fill(null);
  const waiting = [...places.entries()];
  const read = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      found[next[0]] = await predictions.read(next[1]);
  };
  await Promise.all(Array.from({ length: readers }, read));
  return found;
}

/** Rows that a byte of a file may stand for, with a wide margin: the numbers of the rows alone take more. */
const rowsPerByte = 100;

/** @throws Error where the bytes are not what a trainer writes */
async function parsePredictions(body: Uint8Array): Promise<StoredPredictions> {
  // An ES module, and not needed to serve anything else.
  const { parquetMetadata, parquetRead } = await import('hyparquet');
  const file = body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength) as ArrayBuffer;
  const metadata = parquetMetadata(file);
  const classes = metadata.key_value_metadata?.find((entry) => entry.key === 'classes')?.value;
  if (classes === undefined) throw new Error('it names no classes');
  const count = Number(metadata.num_rows);
  if (!(count > 0 && count <= rowsPerByte * body.byteLength)) throw new Error(`it cannot have ${count} rows`);
  const columns = { row: new Int32Array(count), label: new Int32Array(count), predicted: new Int32Array(count) };
  let cells = 0;
  await parquetRead({
    file,
    metadata,
    columns: Object.keys(columns),
    onChunk: ({ columnName, columnData, rowStart }) => {
      columns[columnName as keyof typeof columns].set(columnData as Int32Array, rowStart);
      cells += columnData.length;
    },
  });
  if (cells !== count * Object.keys(columns).length) throw new Error('rows are missing');
  const classCount = (JSON.parse(classes) as string[]).length;
  const isClass = (k: number) => k >= 0 && k < classCount;
  if (!columns.label.every(isClass) || !columns.predicted.every(isClass))
    throw new Error(`it has labels that are none of its ${classCount} classes`);
  const digest = metadata.key_value_metadata?.find((entry) => entry.key === predictionsDigestName)?.value;
  if (digest !== undefined && digest !== digestOfPredictions(classes, columns)) throw new Error('its digest differs');
  const hash = createHash('sha256').update(classes).update(columns.row).update(columns.label);
  return { ...sortedByLabel(columns.label, columns.predicted, classCount), classCount, rowsHash: hash.digest('hex') };
}

/** No statistic depends on the order of the rows; where classes lie together, a count over one class need not look at the others. */
function sortedByLabel(
  label: Int32Array,
  predicted: Int32Array,
  classCount: number,
): Pick<Predicted, 'labels' | 'predicted' | 'right'> {
  const next = new Int32Array(classCount + 1);
  for (const k of label) next[k + 1]! += 1;
  for (let k = 0; k < classCount; k++) next[k + 1]! += next[k]!;
  const sorted = { labels: new Int32Array(label.length), predicted: new Int32Array(label.length) };
  for (let row = 0; row < label.length; row++) {
    const place = next[label[row]!]!++;
    sorted.labels[place] = label[row]!;
    sorted.predicted[place] = predicted[row]!;
  }
  return { ...sorted, right: rowBits(label.length, (row) => sorted.labels[row] === sorted.predicted[row]) };
}
