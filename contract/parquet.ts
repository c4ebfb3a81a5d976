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
 */
export async function* parquetBytes(
  columns: readonly Column[],
  batches: AsyncIterable<{ rows: Cell[][] }>,
): AsyncGenerator<Uint8Array> {
  // ES modules, and not needed to serve anything else.
  const { ByteWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer');
  const bytes = new ByteWriter();
  const parquet = new ParquetWriter({
    writer: bytes,
    schema: schemaFromColumnData({ columnData: columnData(columns, []) }),
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
    await parquet.write({ columnData: columnData(columns, rows), rowGroupSize: rows.length });
    rows = [];
    yield take();
  }
  if (rows.length > 0) await parquet.write({ columnData: columnData(columns, rows), rowGroupSize: rows.length });
  await parquet.finish();
  yield take();
}

const columnData = (columns: readonly Column[], rows: readonly Cell[][]) =>
  columns.map(({ name, type }, at) => ({
    name,
    type: type === 'text' ? ('STRING' as const) : ('DOUBLE' as const),
    nullable: true,
    data: rows.map((row) => row[at] ?? null),
  }));
