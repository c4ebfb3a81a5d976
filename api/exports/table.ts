import type { Cell, Column } from '../../contract/parquet';

/** Rows in a row of a table, and the cursor behind any number of them. */
export interface Batch {
  rows: Cell[][];
  /** @param count 1 to the number of rows */
  cursorBehind(count: number): string;
}

/** A table that is read from its beginning, or from a cursor on, in batches small enough for the memory. */
export interface ExportTable {
  columns: readonly Column[];
  batches(): AsyncGenerator<Batch>;
}
