import { CsvError, parse } from 'csv-parse/sync';
import { wellFormed } from '../../contract/well-formed';
import type { FileProblems } from './file-problems';

/** Text and label of one row as they stand in the file. */
export interface TextRecord {
  text: string;
  /** Names of classes go into those of metrics, which every database keeps alike. */
  label: string;
  /** Line on which the row begins, counted from 1. */
  line: number;
}

export interface Columns {
  text: string;
  label: string;
}

/** A row of a file: what stands in the columns that were asked for, and where the row begins. */
export interface Row {
  fields: Record<string, unknown>;
  /** Counted from 1. */
  line: number;
}

export function readCsv(content: string, columns: Columns, problems: FileProblems): TextRecord[] {
  const rows = readCsvRows(content, [columns.text, columns.label], problems);
  return rows.map(({ fields, line }) => ({
    text: fields[columns.text]!,
    label: wellFormed(fields[columns.label]!),
    line,
  }));
}

/** Rows of a CSV file (RFC 4180: quoted fields may hold commas and line breaks) whose first line names the columns. */
export function readCsvRows(
  content: string,
  columns: readonly string[],
  problems: FileProblems,
): { fields: Record<string, string>; line: number }[] {
  const [header, ...rows] = parseCsv(content, problems);
  const names = header?.fields ?? [];
  const missing = [...new Set(columns)].filter((name) => !names.includes(name));
  for (const name of missing) problems.addAtLine(1, `no column ${quoted(name)}: the columns are ${list(names)}`);
  const repeated = [...new Set(columns)].filter((name) => names.indexOf(name) !== names.lastIndexOf(name));
  for (const name of repeated) problems.addAtLine(1, `several columns ${quoted(name)}: give each a name of its own`);
  if (missing.length > 0 || repeated.length > 0) return [];
  const found: { fields: Record<string, string>; line: number }[] = [];
  for (const { fields, line } of rows) {
    if (fields.length === names.length)
      found.push({ fields: Object.fromEntries(columns.map((name) => [name, fields[names.indexOf(name)]!])), line });
    else
      problems.addAtLine(
        line,
        `${fields.length} ${fields.length === 1 ? 'field' : 'fields'} where the first line has ${names.length}`,
      );
  }
  return found;
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

export function readJsonLines(content: string, columns: Columns, problems: FileProblems): TextRecord[] {
  const wrongWith = (fields: Row['fields']): string | null => {
    const label = fields[columns.label];
    if (typeof fields[columns.text] !== 'string') return `field ${quoted(columns.text)} is not a text`;
    if (typeof label === 'string' || typeof label === 'number') return null;
    return `field ${quoted(columns.label)} is neither a text nor a number`;
  };
  const rows = readJsonRows(content, [columns.text, columns.label], problems, wrongWith);
  return rows.map(({ fields, line }) => ({
    text: fields[columns.text] as string,
    label: wellFormed(String(fields[columns.label])),
    line,
  }));
}

/**
 * Rows of a file with one JSON object a line, each with all columns.
 *
 * @param wrongWith what is wrong with the fields of a row; null: nothing
 */
export function readJsonRows(
  content: string,
  columns: readonly string[],
  problems: FileProblems,
  wrongWith: (fields: Row['fields']) => string | null = () => null,
): Row[] {
  const rows: Row[] = [];
  for (const [index, source] of content.split('\n').entries()) {
    if (source.trim() === '') continue;
    const line = index + 1;
    const fields = parseObject(source);
    if (fields === null) {
      problems.addAtLine(line, 'not a JSON object');
      continue;
    }
    const missing = columns.filter((name) => !(name in fields));
    const wrong =
      missing.length > 0 ? `no field ${list(missing)}: the fields are ${list(Object.keys(fields))}` : wrongWith(fields);
    if (wrong === null) rows.push({ fields, line });
    else problems.addAtLine(line, wrong);
  }
  return rows;
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

/** Of a file of another kind anything may be taken for names: as much of them as a person reads. */
const told = { names: 20, length: 50 };
const quoted = (name: string): string =>
  JSON.stringify(name.length > told.length ? `${name.slice(0, told.length)}...` : name);
const list = (names: readonly string[]): string =>
  `${names.slice(0, told.names).map(quoted).join(', ') || 'none'}${names.length > told.names ? `, ... (${names.length})` : ''}`;
