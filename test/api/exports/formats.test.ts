import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { headerOf, textOf } from '../../../api/exports/formats';
import type { Batch } from '../../../api/exports/table';
import { type Cell, type Column, parquetBytes } from '../../../contract/parquet';

const columns: readonly Column[] = [
  { name: 'text', type: 'text' },
  { name: 'number, quoted "so"', type: 'number' },
  { name: '=other', type: 'text' },
];
// An empty text and a missing one are the same in CSV, and no text of the records is empty.
const text = fc.oneof(fc.string({ minLength: 1, unit: 'grapheme' }), fc.stringMatching(/^[=+\-@'"\t\r\n,; a]{1,6}$/));
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const rows = fc.array(fc.tuple(fc.option(text), fc.option(number), fc.option(text)), { maxLength: 30 });

const withoutApostrophe = (cell: string): string => cell.replace(/^'/, '');
const read = (cell: string, { type }: Column): Cell => {
  if (cell === '') return null;
  return type === 'number' ? Number(cell) : withoutApostrophe(cell);
};

describe('what is exported', () => {
  it('reads back from CSV as it was, to the last bit', () => {
    fc.assert(
      fc.property(rows, (table) => {
        const lines = parse(headerOf('csv', columns) + textOf('csv', columns, table), { relax_column_count: false });
        const [header, ...body] = lines as string[][];
        expect(header!.map(withoutApostrophe)).toEqual(columns.map(({ name }) => name));
        expect(body.map((line) => line.map((cell, at) => read(cell, columns[at]!)))).toEqual(table);
      }),
    );
  });

  it('reads back from JSON lines as it was, but for the sign of a zero', () => {
    fc.assert(
      fc.property(rows, (table) => {
        const lines = textOf('jsonl', columns, table).split('\n').slice(0, -1);
        expect(headerOf('jsonl', columns)).toBe('');
        const unsigned = table.map((row) => row.map((cell) => (cell === 0 ? 0 : cell)));
        expect(lines.map((line) => Object.values(JSON.parse(line)))).toEqual(unsigned);
      }),
    );
  });

  it('reads back from Parquet as it was, whatever the batches', async () => {
    const { parquetReadObjects } = await import('hyparquet');
    await fc.assert(
      fc.asyncProperty(fc.array(rows, { maxLength: 4 }), async (batches) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of parquetBytes(columns, asBatches(batches))) chunks.push(chunk);
        const file = Uint8Array.from(Buffer.concat(chunks)).buffer;
        const found = await parquetReadObjects({ file });
        expect(found.map((row) => columns.map(({ name }) => row[name]))).toEqual(batches.flat());
      }),
      { numRuns: 30 },
    );
  });

  it.each(['=1+1', '+1', '-1', '@sum', '\t=1', '\r=1'])('never begins like a formula in CSV: %j', (given) => {
    const [[cell]] = parse(textOf('csv', columns.slice(0, 1), [[given]])) as [[string]];
    expect(cell).toBe(`'${given}`);
  });

  it('keeps numbers numbers, negative ones too', () => {
    expect(textOf('csv', columns.slice(1, 2), [[-0.1], [1e-320], [-0], [null]])).toBe('-0.1\n1e-320\n-0\n\n');
  });
});

async function* asBatches(parts: readonly Cell[][][]): AsyncGenerator<Batch> {
  for (const part of parts) yield { rows: part, cursorBehind: String };
}
