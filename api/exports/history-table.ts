import type { Cell, Column } from '../../contract/parquet';
import type { Checked } from '../../contract/run-spec';
import type { Services } from '../context/context';
import { decodeCursor, encodeCursor, type KeyOf, orderName } from '../database/keyset';
import { stitchedChunks } from '../metrics/stitched-chunks';
import type { RunFilter } from '../runs/run-filter';
import { findRunPlaces } from '../runs/run-search.store';
import { breathe } from '../shared/breathe';
import type { Batch, ExportTable } from './table';

const runsAtATime = 200;

/** Within a run: the key of a chunk, and its rows that were given. */
const placeKeys: readonly KeyOf[] = [
  { key: 'text', nullable: false },
  { key: 'integer', nullable: false },
];

const columns: readonly Column[] = [
  { name: 'runId', type: 'text' },
  { name: 'attempt', type: 'number' },
  { name: 'step', type: 'number' },
  { name: 'epoch', type: 'number' },
  { name: 'elapsedSeconds', type: 'number' },
  { name: 'scope', type: 'text' },
  { name: 'name', type: 'text' },
  { name: 'value', type: 'number' },
];

/**
 * Every value that runs have logged, one row each: runs in the order of their ids, and of each its stitched history. Read
 * chunk by chunk, so that a history of any length fits the memory. A damaged object is left out, and one row of the scope
 * `damaged` says so: it has its key and what to do as its name, whichever metrics are asked for.
 *
 * @param metrics names of those that are given; null: all
 * @param after cursor of a table with the same metrics; null: from the beginning
 */
export function historyTable(
  services: Services,
  filter: RunFilter,
  metrics: readonly string[] | null,
  after: string | null,
): Checked<ExportTable> {
  const order = orderName(['exportHistory', metrics]);
  const place = after === null ? null : decodeCursor(after, order, placeKeys);
  if (place?.kind === 'invalid') return place;
  const start = place?.value ?? null;
  const wanted = metrics && new Set(metrics);

  async function* ofRun(id: string, from: { key: string; rowsDone: number } | null): AsyncGenerator<Batch> {
    for await (const { key, attempt, records, damage } of stitchedChunks(services.objects, id, from?.key ?? null)) {
      const done = key === from?.key ? from.rowsDone : 0;
      const all = records.flatMap(({ step, epoch, elapsedSeconds, scope, values }) =>
        Object.entries(values)
          .filter(([name]) => wanted?.has(name) ?? true)
          .map(([name, value]): Cell[] => [id, attempt, step, epoch, elapsedSeconds, scope, name, value]),
      );
      if (damage !== null) all.push([id, attempt, null, null, null, 'damaged', damage.message, null]);
      const rows = all.slice(done);
      await breathe();
      if (rows.length > 0)
        yield { rows, cursorBehind: (count) => encodeCursor(order, { keys: [key, done + count], id }) };
    }
  }

  async function* batches() {
    if (start !== null) {
      const [key, rowsDone] = start.keys;
      yield* ofRun(start.id, { key: String(key), rowsDone: Number(rowsDone) });
    }
    let from = start?.id ?? null;
    for (;;) {
      const found = await findRunPlaces(services.database, {
        filter,
        order: [],
        limit: runsAtATime,
        after: from === null ? null : { keys: [], id: from },
      });
      if (found.length === 0) return;
      for (const { id } of found) yield* ofRun(id, null);
      from = found.at(-1)!.id;
    }
  }
  return { kind: 'valid', value: { columns, batches } };
}
