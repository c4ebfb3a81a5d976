import { stringify } from 'csv-stringify/sync';
import type { Cell, Column } from '../../contract/parquet';

export const textFormats = ['csv', 'jsonl'] as const;
export type TextFormat = (typeof textFormats)[number];
export type ExportFormat = TextFormat | 'parquet';

export const contentTypes: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  jsonl: 'application/jsonl; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
};

/**
 * Rows as lines of text, whose numbers read back to the very same bits.
 *
 * CSV (RFC 4180, but that lines end in LF): a missing value is empty. A text that a spreadsheet would take for a formula,
 * or that begins with an apostrophe, gets an apostrophe before it; take that off and it is as it was. JSON lines: one
 * object a row, by the names of the columns, missing values null.
 */
export function textOf(format: TextFormat, columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  switch (format) {
    case 'csv':
      return csvLines(rows.map((row) => row.map(csvCell)));
    case 'jsonl': {
      // Written out, since making an object of each row first takes several times as long.
      const names = columns.map(({ name }) => JSON.stringify(name));
      const member = (cell: Cell, at: number) => `${names[at]}:${cell === null ? 'null' : JSON.stringify(cell)}`;
      return rows.map((row) => `{${row.map(member).join()}}\n`).join('');
    }
  }
}

/** What stands before the first row. */
export const headerOf = (format: TextFormat, columns: readonly Column[]): string =>
  format === 'csv' ? csvLines([columns.map(({ name }) => csvCell(name))]) : '';

// Carriage returns alone are quoted too: many readers take them for the end of a line.
const csvLines = (rows: readonly (readonly string[])[]): string =>
  stringify(rows as string[][], { quoted_match: /[\r\n]/ });

function csvCell(cell: Cell): string {
  if (typeof cell === 'string') return /^[=+\-@\t\r']/.test(cell) ? `'${cell}` : cell;
  return cell === null ? '' : numberText(cell);
}

/** The shortest text that reads back as the same number; String(-0) would lose its sign. */
const numberText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));
