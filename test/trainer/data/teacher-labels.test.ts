import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { type LabelsDefinition, readTeacherLabels, type WantedRows } from '../../../trainer/data/teacher-labels';
import { sourcesIn } from '../../testkit/input-sources';
import { largestDifference } from '../../testkit/tensors';
import { useTestFolder } from '../../testkit/test-folder';

const folder = useTestFolder();
/** Trained on are rows 0, 2 and 3; row 3 has the text of row 0. */
const wanted: WantedRows = {
  texts: ['rates rise', 'not used', 'rates, falling', ' rates rise'],
  labels: Int32Array.of(0, 1, 1, 0),
  rows: Int32Array.of(0, 2, 3),
  dev: Int32Array.of(1),
  testTexts: ['all quiet', 'rates rise '],
  classes: ['up', 'down'],
};

function read(name: string, content: string | ArrayBuffer, definition: Partial<LabelsDefinition> = {}) {
  const location = join(folder.path(), name);
  writeFileSync(location, typeof content === 'string' ? content : Buffer.from(content));
  const whole: LabelsDefinition = {
    ...{ kind: 'labels', location, gives: 'label', columns: null, matchBy: 'text', matchColumn: null },
    ...definition,
  };
  return readTeacherLabels(whole, wanted, sourcesIn(folder.path()));
}

async function logitsOf(...given: Parameters<typeof read>): Promise<number[]> {
  const outcome = await read(...given);
  if (outcome.kind === 'invalid') throw new Error(JSON.stringify(outcome.problems));
  return [...outcome.value.logits];
}

async function problemsOf(...given: Parameters<typeof read>): Promise<string[]> {
  const outcome = await read(...given);
  if (outcome.kind === 'valid') throw new Error('expected problems');
  expect(outcome.problems.every(({ path }) => path === 'teacher.location')).toBe(true);
  return outcome.problems.map(({ message }) => message);
}

/** Logits of two probabilities whose mean is 0. */
const logitsOfShares = (p: number, q: number) => [Math.log(p / q) / 2, Math.log(q / p) / 2];

describe('what another model says of the train rows', () => {
  it('is probabilities by text, as logits whose softmax gives them back', async () => {
    const content = 'text,down,up\nrates rise,0.25,0.75\n"rates, falling",0.9,0.1\nof another file,0.5,0.5\n';
    const expected = [...logitsOfShares(0.75, 0.25), ...logitsOfShares(0.1, 0.9), ...logitsOfShares(0.75, 0.25)];
    expect(largestDifference(await logitsOf('a.csv', content, { gives: 'probabilities' }), expected)).toBeLessThan(
      1e-6,
    );
    const outcome = await read('a.csv', content, { gives: 'probabilities' });
    expect(outcome.kind === 'valid' && outcome.value.notes).toEqual([
      'the teacher is a file (probabilities): it names the class of the data in 100.0 % of the train rows',
      "1 rows of the teacher's file match no row of the data by text",
      'the teacher is not scored on dev: its file has 0 of the 1 rows',
      'the teacher is not scored on test: its file has 1 of the 2 rows',
    ]);
  });

  it('is scored where it says something of every row, on test by text alone', async () => {
    const scoredBy = async (...given: Parameters<typeof read>) => {
      const outcome = await read(...given);
      if (outcome.kind === 'invalid') throw new Error(JSON.stringify(outcome.problems));
      const { dev, test } = outcome.value.scored;
      return [dev && [...dev], test && [...test]];
    };
    const float = (values: number[]) => [...Float32Array.from(values)];
    const all = 'text,up,down\nrates rise,0.75,0.25\n"rates, falling",0.1,0.9\nnot used,0.4,0.6\nall quiet,0.5,0.5\n';
    expect(await scoredBy('c.csv', all, { gives: 'probabilities' })).toEqual([
      float(logitsOfShares(0.4, 0.6)),
      float([...logitsOfShares(0.5, 0.5), ...logitsOfShares(0.75, 0.25)]),
    ]);
    const rows = 'row,up,down\n0,0.75,0.25\n1,0.4,0.6\n2,0.1,0.9\n3,0.2,0.8\n';
    expect(await scoredBy('d.csv', rows, { gives: 'probabilities', matchBy: 'row' })).toEqual([
      float(logitsOfShares(0.4, 0.6)),
      null,
    ]);
  });

  it('is labels by row, the other classes a millionth', async () => {
    const content = ['{"row":3,"label":"down"}', '{"row":0,"label":"up"}', '{"row":2,"label":"down"}'].join('\n');
    const one = logitsOfShares(1, 1e-6);
    const other = logitsOfShares(1e-6, 1);
    const found = await logitsOf('a.jsonl', content, { matchBy: 'row' });
    expect(largestDifference(found, [...one, ...other, ...other])).toBeLessThan(1e-5);
  });

  it('is logits of a Parquet file, in columns named by the definition', async () => {
    const file = parquetWriteBuffer({
      columnData: [
        { name: 'id', data: [0, 2, 3], type: 'INT32' },
        { name: 'z1', data: [4, -2, 1], type: 'DOUBLE' },
        { name: 'z2', data: [0, 2, 1], type: 'DOUBLE' },
      ],
    });
    const definition = { gives: 'logits', matchBy: 'row', matchColumn: 'id', columns: ['z1', 'z2'] } as const;
    expect(await logitsOf('a.parquet', file, { ...definition, columns: ['z1', 'z2'] })).toEqual([2, -2, -2, 2, 0, 0]);
    expect(await problemsOf('a.parquet', file, { ...definition, columns: ['z1', 'z3'] })).toEqual([
      'no column "z3": the columns are "id","z1","z2"',
    ]);
  });
});

describe('a file of labels that does not fit, told whole and at once', () => {
  it('labels: unknown classes, rows that are none, rows twice, rows left out', async () => {
    const content = 'row,label\n0,up\n0,up\n1,sideways\n7,up\n,up\n1.5,down\n';
    expect(await problemsOf('a.csv', content, { matchBy: 'row' })).toEqual([
      'line 3: row 0 stands on line 2 too',
      'line 4: unknown label "sideways": the classes are up, down',
      'line 5: "7" is no row of the train file, which has rows 0 to 3',
      'line 6: "" is no row of the train file, which has rows 0 to 3',
      'line 7: "1.5" is no row of the train file, which has rows 0 to 3',
      'nothing for row 2 of the train file, "rates, falling"',
      'nothing for row 3 of the train file, "rates rise"',
    ]);
  });

  it('probabilities: no numbers, beyond 0 to 1, not summing to 1, one text with two answers', async () => {
    const content = [
      'text,up,down',
      'rates rise,0.5,0.5',
      'rates rise,0.5,0.5',
      'rates rise,0.4,0.6',
      '"rates, falling",0.9,often',
      'a,1.2,-0.2',
      'b,0.7,0.2',
      'c,,1',
    ].join('\n');
    expect(await problemsOf('a.csv', content, { gives: 'probabilities' })).toEqual([
      'line 4: the same text has other values on line 2: keep one of them',
      'line 5: "down" is "often", not a probability, a number from 0 to 1',
      'line 6: "up" is "1.2", not a probability, a number from 0 to 1',
      'line 7: the probabilities sum to 0.9, not to 1',
      'line 8: "up" is "", not a probability, a number from 0 to 1',
      'nothing for row 2 of the train file, "rates, falling"',
    ]);
  });

  it.each([
    ['missing.txt', 'x', 'is no file of a kind that is read: give one that ends in .csv, .jsonl or .parquet'],
    ['a.csv', 'text,class\nrates rise,up\n', 'no column "label": the columns are "text", "class"'],
    ['a.jsonl', '{"text":"rates rise"}', 'no field "label": the fields are "text"'],
    ['a.parquet', 'no parquet at all', 'cannot be read as Parquet'],
    ['a.csv', 'text,label\n', 'has no rows'],
  ])('%s that holds %j', async (name, content, message) => {
    expect((await problemsOf(name, content))[0]).toContain(message);
  });

  it('a file that is not there', async () => {
    const location = join(folder.path(), 'nowhere.parquet');
    expect(await problemsOf('a.csv', 'text,label\n', { location })).toEqual([
      `"${location}" does not exist: give the absolute path of a file`,
    ]);
  });
});
