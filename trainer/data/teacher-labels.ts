import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { Split } from '../../contract/metric-names';
import type { Checked, TeacherSource } from '../../contract/run-spec';
import { locateFile } from '../sources/input-file';
import type { InputSources } from '../sources/sources';
import { FileProblems } from './file-problems';
import { type Row, readCsvRows, readJsonRows } from './records';
import { readTextFile } from './text-file';

export type LabelsDefinition = Extract<TeacherSource, { kind: 'labels' }>;

/** What an external model says of rows of the data. */
export interface TeacherLabels {
  /** Logits of the wanted rows, in their order, [n, c]: what was given, or the logarithm of the probabilities, mean 0 a row. */
  logits: Float32Array;
  /** The same of all dev rows and of all test rows; null where it does not say something of each. */
  scored: Record<Split, Float32Array | null>;
  notes: string[];
}

/** The train file with its texts as they stand there, the rows of it that are trained on and that are dev; the test file. */
export interface WantedRows {
  texts: readonly string[];
  labels: Int32Array;
  rows: Int32Array;
  dev: Int32Array;
  testTexts: readonly string[];
  classes: readonly string[];
}

/** A probability below this counts as this: a label alone, or a 0, would have a logit of minus infinity. */
const smallestProbability = 1e-6;
/** Probabilities written with two decimals sum to 1 only so nearly. */
const sumTolerance = 0.01;

/**
 * Reads the labels, probabilities or logits that a model of any kind gave the train rows, and finds those of the wanted
 * rows by text or by row; by text also those of the test rows, if it has them. Everything that is wrong is told at once, by line.
 */
export async function readTeacherLabels(
  definition: LabelsDefinition,
  wanted: WantedRows,
  sources: InputSources,
): Promise<Checked<TeacherLabels>> {
  const problems = new FileProblems('teacher.location');
  const columns = columnsOf(definition, wanted.classes);
  const key = definition.matchColumn ?? definition.matchBy;
  const rows = await readRows(definition.location, [key, ...columns], sources, problems);
  const given = new Map<string, { values: number[]; line: number }>();
  let strangers = 0;
  const texts = new Set([...wanted.texts, ...wanted.testTexts].map((text) => text.trim()));
  for (const { fields, line } of rows) {
    const match = keyOf(fields[key], definition, wanted.texts.length);
    const values = valuesOf(fields, columns, definition.gives, wanted.classes);
    for (const wrong of [match, values]) if (typeof wrong === 'string') problems.addAtLine(line, wrong);
    if (typeof match === 'string' || typeof values === 'string') continue;
    if (definition.matchBy === 'text' && !texts.has(match.key)) strangers++;
    const before = given.get(match.key);
    if (before === undefined) given.set(match.key, { values, line });
    else if (definition.matchBy === 'row')
      problems.addAtLine(line, `row ${match.key} stands on line ${before.line} too`);
    else if (String(before.values) !== String(values))
      problems.addAtLine(line, `the same text has other values on line ${before.line}: keep one of them`);
  }
  if (rows.length === 0 && !problems.found) problems.add(`"${definition.location}" has no rows`);
  if (rows.length > 0) tellMissing(definition, wanted, given, problems);
  if (problems.found) return { kind: 'invalid', problems: problems.list() };

  const valuesAt = (rows: Int32Array): Values[] =>
    Array.from(rows, (row) => given.get(keyOfRow(row, definition, wanted))?.values ?? null);
  const ofSplit: Record<Split, Values[]> = {
    dev: valuesAt(wanted.dev),
    // The numbers of rows are those of the train file.
    test: wanted.testTexts.map((text) => (definition.matchBy === 'text' && given.get(text.trim())?.values) || null),
  };
  const logits = logitsOf(valuesAt(wanted.rows))!;
  return {
    kind: 'valid',
    value: {
      logits,
      scored: { dev: logitsOf(ofSplit.dev), test: logitsOf(ofSplit.test) },
      notes: [
        ...notesOn(definition, wanted, logits, strangers),
        ...splits.flatMap((split) => gap(split, ofSplit[split])),
      ],
    },
  };
}

/** What the file says of a row; null: nothing. */
type Values = number[] | null;

const splits = ['dev', 'test'] as const satisfies Split[];

/** null where the file lacks a row. */
const logitsOf = (rows: readonly Values[]): Float32Array | null =>
  rows.includes(null) ? null : Float32Array.from(rows.flatMap((values) => centred(values!)));

function gap(split: Split, rows: readonly Values[]): string[] {
  const found = rows.filter((values) => values !== null).length;
  if (found === rows.length) return [];
  return [`the teacher is not scored on ${split}: its file has ${found} of the ${rows.length} rows`];
}

function columnsOf({ gives, columns }: LabelsDefinition, classes: readonly string[]): readonly string[] {
  return columns ?? (gives === 'label' ? ['label'] : classes);
}

const readers = { '.csv': readCsvRows, '.jsonl': readJsonRows } as const;

async function readRows(
  location: string,
  columns: readonly string[],
  sources: InputSources,
  problems: FileProblems,
): Promise<Row[]> {
  const extension = extname(location).toLowerCase();
  if (extension !== '.csv' && extension !== '.jsonl' && extension !== '.parquet') {
    problems.add(`"${location}" is no file of a kind that is read: give one that ends in .csv, .jsonl or .parquet`);
    return [];
  }
  const file = await locateFile(location, 'dataset', sources);
  if (file.kind !== 'found') {
    problems.add(file.message);
    return [];
  }
  if (extension === '.parquet') return readParquetRows(file.path, columns, problems);
  const content = await readTextFile(file.path, problems);
  return content === null ? [] : readers[extension](content.text, columns, problems);
}

/** Rows of a Parquet file; a line is the row's number, counted from 1. */
async function readParquetRows(path: string, columns: readonly string[], problems: FileProblems): Promise<Row[]> {
  try {
    const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
    const bytes = await readFile(path);
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    const names = parquetSchema(await parquetMetadataAsync(file)).children.map(({ element }) => element.name);
    const missing = columns.filter((column) => !names.includes(column));
    for (const column of missing)
      problems.add(`no column ${JSON.stringify(column)}: the columns are ${JSON.stringify(names).slice(1, -1)}`);
    if (missing.length > 0) return [];
    const rows = await parquetReadObjects({ file, columns: [...columns] });
    return rows.map((fields, index) => ({ fields, line: index + 1 }));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') problems.add(`"${path}" does not exist: give the absolute path of a file`);
    else problems.add(`"${path}" cannot be read as Parquet (${message}): save it anew, uncompressed or with Snappy`);
    return [];
  }
}

/** What tells a row of the train file from others, or what is wrong with it. */
function keyOf(value: unknown, { matchBy }: LabelsDefinition, rows: number): { key: string } | string {
  if (matchBy === 'text')
    return typeof value === 'string' && value.trim() !== '' ? { key: value.trim() } : 'the text is missing';
  const row = value === null || value === '' ? Number.NaN : Number(value);
  if (Number.isInteger(row) && row >= 0 && row < rows) return { key: String(row) };
  return `${said(value)} is no row of the train file, which has rows 0 to ${rows - 1}`;
}

const keyOfRow = (row: number, { matchBy }: LabelsDefinition, { texts }: WantedRows): string =>
  matchBy === 'row' ? String(row) : texts[row]!.trim();

/** The logits of a row before they are centred, or what is wrong with its values. */
function valuesOf(
  fields: Row['fields'],
  columns: readonly string[],
  gives: LabelsDefinition['gives'],
  classes: readonly string[],
): number[] | string {
  if (gives === 'label') {
    const label = String(fields[columns[0]!] ?? '').trim();
    if (!classes.includes(label)) return `unknown label ${said(label)}: the classes are ${namesOf(classes)}`;
    return classes.map((name) => logarithm(name === label ? 1 : 0));
  }
  const numbers = columns.map((column) => numberOf(fields[column]));
  const foreign = numbers.findIndex(
    (number) => number === null || (gives === 'probabilities' && (number < 0 || number > 1)),
  );
  if (foreign !== -1) {
    const wanted = gives === 'probabilities' ? 'a probability, a number from 0 to 1' : 'a number';
    return `${said(columns[foreign]!)} is ${said(fields[columns[foreign]!])}, not ${wanted}`;
  }
  const values = numbers as number[];
  if (gives === 'logits') return values;
  const sum = values.reduce((total, value) => total + value, 0);
  if (Math.abs(sum - 1) > sumTolerance) return `the probabilities sum to ${Number(sum.toPrecision(6))}, not to 1`;
  return values.map(logarithm);
}

function numberOf(value: unknown): number | null {
  if (typeof value === 'string' && value.trim() === '') return null;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

const logarithm = (probability: number): number => Math.log(Math.max(probability, smallestProbability));

/** No softmax sees the mean of logits, but their squared distance does. */
function centred(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

function tellMissing(
  definition: LabelsDefinition,
  wanted: WantedRows,
  given: ReadonlyMap<string, unknown>,
  problems: FileProblems,
): void {
  for (const row of wanted.rows)
    if (!given.has(keyOfRow(row, definition, wanted)))
      problems.add(`nothing for row ${row} of the train file, ${said(wanted.texts[row]!.trim())}`);
}

function notesOn(
  { gives, matchBy }: LabelsDefinition,
  wanted: WantedRows,
  logits: Float32Array,
  strangers: number,
): string[] {
  const classes = wanted.classes.length;
  const agreeing = Array.from(wanted.rows).filter((row, index) => {
    const ofRow = logits.subarray(index * classes, (index + 1) * classes);
    return ofRow.indexOf(Math.max(...ofRow)) === wanted.labels[row];
  }).length;
  const share = ((100 * agreeing) / wanted.rows.length).toFixed(1);
  const notes = [`the teacher is a file (${gives}): it names the class of the data in ${share} % of the train rows`];
  if (strangers > 0) notes.push(`${strangers} rows of the teacher's file match no row of the data by ${matchBy}`);
  return notes;
}

const said = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 80);
const namesOf = (classes: readonly string[]): string =>
  `${classes.slice(0, 10).join(', ')}${classes.length > 10 ? `, ... (${classes.length})` : ''}`;
