import { extname } from 'node:path';
import { encodeLabel, longestLabelBytes } from '../../contract/metric-names';
import type { CheckpointState, DataFile, DataFiles } from '../../contract/records';
import type { Checked, DataDefinition, Problem } from '../../contract/run-spec';
import { locateFile } from '../sources/input-file';
import type { InputSources } from '../sources/sources';
import { FileProblems } from './file-problems';
import { readCsv, readJsonLines, type TextRecord } from './records';
import { readTextFile } from './text-file';

/** Rows of one file in its order: text as it stands there, class as its index among the classes. */
export interface LabelledTexts {
  texts: string[];
  labels: Int32Array;
}

export interface DataSet {
  /** Labels in the order of the logits. */
  classes: string[];
  train: LabelledTexts;
  test: LabelledTexts;
  files: DataFiles;
}

const readers = { '.csv': readCsv, '.jsonl': readJsonLines } as const;

/**
 * Reads the train and the test file of a run. Everything that is wrong with either is told at once, by line.
 *
 * @param data Where the files are; `hf:` and `s3:` locations are downloaded.
 */
export async function loadDataSet(data: DataDefinition, sources: InputSources): Promise<Checked<DataSet>> {
  const trainProblems = new FileProblems('data.train');
  const testProblems = new FileProblems('data.test');
  const train = await readRecords(data.train, data, sources, trainProblems);
  const test = await readRecords(data.test, data, sources, testProblems);

  const classes = data.classes ?? classesOf(train.records);
  const trainRows = labelled(train.records, classes, trainProblems);
  // Without a readable train file nothing is known of the classes that the test file should have.
  const isUnknown = train.records.length === 0 && data.classes === null;
  const testRows = isUnknown ? null : labelled(test.records, classes, testProblems);
  if (!trainProblems.found) {
    for (const [index, label] of classes.entries())
      if (!trainRows.labels.includes(index)) trainProblems.add(`no row of class ${JSON.stringify(label)}`);
    if (classes.length < 2)
      trainProblems.add(`all rows are of class ${JSON.stringify(classes[0])}: at least two needed`);
  }

  const problems = [...trainProblems.list(), ...testProblems.list()];
  return problems.length > 0 || testRows === null
    ? { kind: 'invalid', problems }
    : {
        kind: 'valid',
        value: { classes, train: trainRows, test: testRows, files: { train: fileOf(train), test: fileOf(test) } },
      };
}

/** Files that are no longer those a checkpoint was trained on: going on would mix two data sets into one run. */
export function changedFiles(
  { dataFiles, step }: Pick<CheckpointState, 'dataFiles' | 'step'>,
  now: DataFiles,
): Problem[] {
  return (['train', 'test'] as const).flatMap((file) => {
    const before = dataFiles?.[file];
    if (before === undefined || before.sha256 === now[file].sha256) return [];
    const [was, is] = [before, now[file]].map(({ sha256, rows }) => `${rows} rows, SHA-256 ${sha256.slice(0, 12)}`);
    const message = `has changed since the run was begun (${was}; now ${is}): put it back as it was and retry the run, which goes on from step ${step}, or make a new experiment`;
    return [{ path: `data.${file}`, message }];
  });
}

interface Content {
  records: TextRecord[];
  sha256: string;
}

const unreadable: Content = { records: [], sha256: '' };
const fileOf = ({ records, sha256 }: Content): DataFile => ({ sha256, rows: records.length });

async function readRecords(
  location: string,
  data: DataDefinition,
  sources: InputSources,
  problems: FileProblems,
): Promise<Content> {
  const extension = extname(location).toLowerCase();
  if (extension !== '.csv' && extension !== '.jsonl') {
    problems.add(
      `"${location}" is no file of a kind that is read: give one that ends in ${Object.keys(readers).join(' or ')}`,
    );
    return unreadable;
  }
  const file = await locateFile(location, 'dataset', sources);
  if (file.kind !== 'found') {
    problems.add(file.message);
    return unreadable;
  }
  const content = await readTextFile(file.path, problems);
  if (content === null) return unreadable;
  const records = readers[extension](content.text, { text: data.textColumn, label: data.labelColumn }, problems);
  for (const { text, label, line } of records) {
    if (text.trim() === '') problems.addAtLine(line, `the text (${JSON.stringify(data.textColumn)}) is empty`);
    if (label.trim() === '') problems.addAtLine(line, `the label (${JSON.stringify(data.labelColumn)}) is empty`);
    const bytes = Buffer.byteLength(encodeLabel(label.trim()));
    if (bytes > longestLabelBytes)
      problems.addAtLine(
        line,
        `the label (${JSON.stringify(data.labelColumn)}) takes ${bytes} bytes, and at most ${longestLabelBytes} may be: does the column hold texts?`,
      );
  }
  if (records.length === 0 && !problems.found) problems.add(`"${location}" has no rows`);
  return { records, sha256: content.sha256 };
}

/** The labels of the rows, sorted: by value where all are numbers. */
function classesOf(records: readonly TextRecord[]): string[] {
  const labels = [...new Set(records.map((record) => record.label.trim()))].filter((label) => label !== '');
  return labels.every((label) => Number.isFinite(Number(label)))
    ? labels.sort((a, b) => Number(a) - Number(b))
    : labels.sort();
}

function labelled(records: readonly TextRecord[], classes: readonly string[], problems: FileProblems): LabelledTexts {
  const indexOf = new Map(classes.map((label, index) => [label, index]));
  const labels = new Int32Array(records.length);
  for (const [row, record] of records.entries()) {
    const label = record.label.trim();
    const index = indexOf.get(label);
    if (index !== undefined) labels[row] = index;
    else if (label !== '')
      problems.addAtLine(record.line, `unknown label ${JSON.stringify(label)}: the classes are ${namesOf(classes)}`);
  }
  return { texts: records.map((record) => record.text), labels };
}

/** The first classes of possibly a thousand. */
const namesOf = (classes: readonly string[]): string =>
  `${classes.slice(0, 10).join(', ')}${classes.length > 10 ? `, ... (${classes.length})` : ''}`;
