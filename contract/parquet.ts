import type { RowGroup } from 'hyparquet';
import type { ParquetWriter } from 'hyparquet-writer';

/** A value of a table; null: missing. */
export type Cell = string | number | null;

export interface Column {
  name: string;
  type: 'text' | 'number';
}

/** Values of a row group: larger groups compress better, and each is held in memory once. */
const cellsPerGroup = 500_000;

/**
 * A table as the bytes of one Parquet file, a row group at a time: numbers as DOUBLE, texts as STRING, missing values
 * null.
 * @param betweenColumns awaited after each column of a row group; a server lets others be answered there
 */
export async function* parquetBytes(
  columns: readonly Column[],
  batches: AsyncIterable<{ rows: Cell[][] }>,
  betweenColumns: () => Promise<void> = async () => {},
): AsyncGenerator<Uint8Array> {
  // ES modules, and not needed to serve anything else.
  const { ByteWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer');
  const bytes = new ByteWriter();
  const parquet = new ParquetWriter({
    writer: bytes,
    schema: schemaFromColumnData({ columnData: columns.map((_, at) => columnData(columns, at, [])) }),
  });
  /** What was written since the last call; places in the file count on. */
  const take = (): Uint8Array => {
    const taken = Uint8Array.from(bytes.getBytes());
    bytes.index = 0;
    return taken;
  };
  const rowsPerGroup = Math.ceil(cellsPerGroup / columns.length);
  let rows: Cell[][] = [];
  for await (const batch of batches) {
    rows.push(...batch.rows);
    if (rows.length < rowsPerGroup) continue;
    await writeGroup(parquet, columns, rows, betweenColumns);
    rows = [];
    yield take();
  }
  if (rows.length > 0) await writeGroup(parquet, columns, rows, betweenColumns);
  await parquet.finish();
  yield take();
}

/** Writes each column as a row group of its own, since the writer cannot pause within one, and joins these. */
async function writeGroup(
  parquet: ParquetWriter,
  columns: readonly Column[],
  rows: readonly Cell[][],
  betweenColumns: () => Promise<void>,
): Promise<void> {
  const first = parquet.row_groups.length;
  for (const at of columns.keys()) {
    await parquet.write({ columnData: [columnData(columns, at, rows)], rowGroupSize: rows.length });
    await betweenColumns();
  }
  const parts = parquet.row_groups.splice(first);
  const sumOf = (size: (part: RowGroup) => bigint | undefined) =>
    parts.reduce((sum, part) => sum + (size(part) ?? 0n), 0n);
  parquet.row_groups.push({
    columns: parts.flatMap((part) => part.columns),
    num_rows: BigInt(rows.length),
    total_byte_size: sumOf((part) => part.total_byte_size),
    total_compressed_size: sumOf((part) => part.total_compressed_size),
  });
  // Each part has counted its rows.
  parquet.num_rows -= BigInt(rows.length) * BigInt(columns.length - 1);
}

function columnData(columns: readonly Column[], at: number, rows: readonly Cell[][]) {
  const { name, type } = columns[at]!;
  const parquetType = type === 'text' ? ('STRING' as const) : ('DOUBLE' as const);
  return { name, type: parquetType, nullable: true, data: rows.map((row) => row[at] ?? null) };
}
