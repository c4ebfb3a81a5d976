import { CsvError, parse } from 'csv-parse/sync';
import type { FileProblems } from './file-problems';

/** Text and label of one row as they stand in the file. */
export interface TextRecord {
  text: string;
  label: string;
  /** Line on which the row begins, counted from 1. */
  line: number;
}

export interface Columns {
  text: string;
  label: string;
}

/** Rows of a CSV file (RFC 4180: quoted fields may hold commas and line breaks) whose first line names the columns. */
export function readCsv(content: string, columns: Columns, problems: FileProblems): TextRecord[] {
  const [header, ...rows] = parseCsv(content, problems);
  const names = header?.fields ?? [];
  const textIndex = names.indexOf(columns.text);
  const labelIndex = names.indexOf(columns.label);
  for (const name of new Set([columns.text, columns.label]))
    if (!names.includes(name)) problems.addAtLine(1, `no column ${quoted(name)}: the columns are ${list(names)}`);
  if (textIndex === -1 || labelIndex === -1) return [];
  const records: TextRecord[] = [];
  for (const { fields, line } of rows) {
    if (fields.length === names.length) records.push({ text: fields[textIndex]!, label: fields[labelIndex]!, line });
    else problems.addAtLine(line, `${fields.length} fields where the first line has ${names.length}`);
  }
  return records;
}

interface CsvRow {
  fields: string[];
  line: number;
}

/**
 * The rows, the header among them, up to the first that cannot be read: behind a quote in the wrong place it is not known
 * where rows begin. An empty line is no row. Lines are counted here, since the parser counts one that ends in CR LF
 * within quotes twice.
 */
function parseCsv(content: string, problems: FileProblems): CsvRow[] {
  const bytes = Buffer.from(content);
  const rows: CsvRow[] = [];
  let breaks = 0;
  let counted = 0;
  /** Line of the byte before `end`, for growing `end`. */
  const lineBefore = (end: number): number => {
    let next = bytes.indexOf(0x0a, counted);
    for (; next !== -1 && next < end - 1; next = bytes.indexOf(0x0a, next + 1)) breaks++;
    counted = end - 1;
    return breaks + 1;
  };
  try {
    parse(bytes, {
      record_delimiter: ['\r\n', '\n'],
      relax_column_count: true,
      on_record: (fields: string[], context) => {
        const breaksWithin = fields.join('').split('\n').length - 1;
        const line = lineBefore(context.bytes) - breaksWithin;
        if (fields.length > 1 || fields[0] !== '') rows.push({ fields, line });
        return null; // kept in `rows`, with its line
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // `lines` counts the lines that are behind the parser; an open quote is told where the file ends.
    const begin = rows.length > 0 ? ` (the row before it begins on line ${rows.at(-1)?.line})` : '';
    const kind = error.message.split(':')[0];
    problems.addAtLine(
      Number(error.lines),
      `${kind}${begin}: put the whole field in quotes and write a quote in it as ""; nothing behind it was read`,
    );
  }
  return rows;
}

/** Rows of a file with one JSON object a line. */
export function readJsonLines(content: string, columns: Columns, problems: FileProblems): TextRecord[] {
  const records: TextRecord[] = [];
  for (const [index, source] of content.split('\n').entries()) {
    if (source.trim() === '') continue;
    const line = index + 1;
    const fields = parseObject(source);
    if (fields === null) {
      problems.addAtLine(line, 'not a JSON object');
      continue;
    }
    const text = fields[columns.text];
    const label = fields[columns.label];
    const missing = [columns.text, columns.label].filter((name) => !(name in fields));
    if (missing.length > 0)
      problems.addAtLine(line, `no field ${list(missing)}: the fields are ${list(Object.keys(fields))}`);
    else if (typeof text !== 'string') problems.addAtLine(line, `field ${quoted(columns.text)} is not a text`);
    else if (typeof label !== 'string' && typeof label !== 'number')
      problems.addAtLine(line, `field ${quoted(columns.label)} is neither a text nor a number`);
    else records.push({ text, label: String(label), line });
  }
  return records;
}

function parseObject(source: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(source);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

const quoted = (name: string): string => JSON.stringify(name);
const list = (names: string[]): string => names.map(quoted).join(', ') || 'none';
