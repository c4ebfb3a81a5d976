import fc from 'fast-check';
import type { DataDefinition } from '../../../contract/run-spec';
import { loadDataSet } from '../../../trainer/data/dataset';
import { sourcesIn } from '../../testkit/input-sources';
import { describeWithRealData, realData } from '../../testkit/real-data';
import { useTestFolder } from '../../testkit/test-folder';

const folder = useTestFolder();

const definition = (train: string, test: string, more: Partial<DataDefinition> = {}): DataDefinition => ({
  train,
  test,
  textColumn: 'text',
  labelColumn: 'label',
  classes: null,
  ...more,
});

/** Loads a data set from file contents; `kind` is the extension. */
const load = (train: string | Uint8Array, test: string, more: Partial<DataDefinition> = {}, kind = 'csv') =>
  loadDataSet(
    definition(folder.write(`train.${kind}`, train), folder.write(`test.${kind}`, test), more),
    sourcesIn(folder.path()),
  );

/** `path: message` of everything that is wrong; fails the test where nothing is. */
async function problemsOf(outcome: ReturnType<typeof load>): Promise<string[]> {
  const set = await outcome;
  if (set.kind === 'valid') throw new Error('expected problems, met a valid data set');
  return set.problems.map(({ path, message }) => `${path}: ${message}`);
}

async function validSet(outcome: ReturnType<typeof load>) {
  const set = await outcome;
  if (set.kind === 'invalid') throw new Error(JSON.stringify(set.problems));
  return set.value;
}

const good = 'text,label\nfine,a\nbad,b\n';

describe('a readable data set', () => {
  test('keeps commas, quotes and line breaks of quoted fields', async () => {
    const { train } = await validSet(load('label,text\r\na,"one, two\r\nthree"\r\nb,"say ""hi"""\r\n', good));

    expect(train.texts).toEqual(['one, two\r\nthree', 'say "hi"']);
    expect(Array.from(train.labels)).toEqual([0, 1]);
  });

  test('ignores a byte order mark, empty lines and other columns', async () => {
    const { train } = await validSet(load('\uFEFFtext,date,label\n\none,1,a\n\ntwo,2,b\n\n', good));

    expect(train.texts).toEqual(['one', 'two']);
  });

  test('sorts numeric labels by value, others by character', async () => {
    const numbers = await validSet(load('text,label\nx,10\ny,9\nz,-1\n', 'text,label\nx,9\n'));
    const names = await validSet(load('text,label\nx,pos\ny,neg\n', 'text,label\nx,neg\n'));

    expect(numbers.classes).toEqual(['-1', '9', '10']);
    expect(Array.from(numbers.train.labels)).toEqual([2, 1, 0]);
    expect(names.classes).toEqual(['neg', 'pos']);
  });

  test('takes the order of given classes', async () => {
    const { classes, train } = await validSet(load(good, good, { classes: ['b', 'a'] }));

    expect(classes).toEqual(['b', 'a']);
    expect(Array.from(train.labels)).toEqual([1, 0]);
  });

  test('reads JSON lines with numbers or names as labels, by other field names', async () => {
    const lines = '{"sentence": "a\\nb", "y": 1}\n\n{"y": "0", "sentence": "c"}\n';
    const set = await validSet(load(lines, lines, { textColumn: 'sentence', labelColumn: 'y' }, 'jsonl'));

    expect(set.classes).toEqual(['0', '1']);
    expect(set.train.texts).toEqual(['a\nb', 'c']);
    expect(Array.from(set.train.labels)).toEqual([1, 0]);
  });

  test('survives any text, quoted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 2, maxLength: 6 }), async (parts) => {
        const texts = parts.map((part) => `x${part.replaceAll('\0', '')}`);
        const rows = texts.map((text, index) => `"${text.replaceAll('"', '""')}",${index % 2}\n`);

        const { train } = await validSet(load(`text,label\n${rows.join('')}`, 'text,label\nx,0\n'));

        expect(train.texts).toEqual(texts);
      }),
      { numRuns: 50 },
    );
  });
});

describe('an unreadable data set', () => {
  test('a wrong column names the columns there are', async () => {
    expect(await problemsOf(load('Text,label\na,b\n', good))).toEqual([
      'data.train: line 1: no column "text": the columns are "Text", "label"',
    ]);
  });

  test('of two columns of one name none is taken for the other', async () => {
    expect(await problemsOf(load('text,label,text\na,b,c\n', good))).toEqual([
      'data.train: line 1: several columns "text": give each a name of its own',
    ]);
  });

  test('what no person reads as names of columns is told in part', async () => {
    const [problem] = await problemsOf(load(`text,label\r${'a,b\r'.repeat(1000)}${'x'.repeat(100)}`, good));
    expect(problem).toMatch(/^data.train: line 1: no column "label": the columns are "text", "label\\ra".*\(1002\)$/);
    expect(problem!.length).toBeLessThan(400);
  });

  test('both files and all lines are told at once', async () => {
    const train = 'text,label\n"two\nlines",a\n,b\n only one field\nx,a,b\n  ,\nz,b\n';

    const problems = await problemsOf(load(train, 'text,label\nx,a\ny,c\n'));

    expect(problems).toEqual([
      'data.train: line 5: 1 field where the first line has 2',
      'data.train: line 6: 3 fields where the first line has 2',
      'data.train: line 4: the text ("text") is empty',
      'data.train: line 7: the text ("text") is empty',
      'data.train: line 7: the label ("label") is empty',
      'data.test: line 3: unknown label "c": the classes are a, b',
    ]);
  });

  test('a quote in the wrong place is told with its line, beside the problems of the rows before it', async () => {
    expect(await problemsOf(load('text,label\nf\nx,a\ny"z,b\ng\n', good))).toEqual([
      'data.train: line 4: Invalid Opening Quote (the row before it begins on line 3): put the whole field in quotes and write a quote in it as ""; nothing behind it was read',
      'data.train: line 2: 1 field where the first line has 2',
      'data.test: line 3: unknown label "b": the classes are a',
    ]);
    expect((await problemsOf(load('text,label\n"a"b,c\n', good)))[0]).toMatch(/line 2: Invalid Closing Quote/);
  });

  test('a quote that is never closed is told with the row before it', async () => {
    expect((await problemsOf(load('text,label\nx,a\n"open,b\ny,a\n', good)))[0]).toMatch(
      /Quote Not Closed \(the row before it begins on line 2\)/,
    );
  });

  test('many problems are counted, not listed', async () => {
    const problems = await problemsOf(load(`text,label\n${'x,y,z\n'.repeat(1000)}`, good));

    expect(problems.filter((problem) => problem.startsWith('data.train'))).toHaveLength(21);
    expect(problems).toContain('data.train: and 980 more problems');
  });

  test('a class without rows is named', async () => {
    expect(await problemsOf(load(good, good, { classes: ['a', 'b', 'neutral'] }))).toEqual([
      'data.train: no row of class "neutral"',
    ]);
    expect((await problemsOf(load('text,label\nx,a\n', good)))[0]).toMatch(/all rows are of class "a"/);
  });

  test('a label that is too long for the name of a metric is reported with its line; the longest allowed is taken', async () => {
    const long = (label: string) => `text,label\nx,a\ny,${label}\n`;
    expect(await problemsOf(load(long('b'.repeat(401)), long('b'.repeat(401))))).toEqual(
      ['train', 'test'].map(
        (file) =>
          `data.${file}: line 3: the label ("label") takes 401 bytes, and at most 400 may be: does the column hold texts?`,
      ),
    );
    // A slash is three bytes in the name of a metric.
    expect((await problemsOf(load(long('/'.repeat(134)), good)))[0]).toMatch(/takes 402 bytes/);
    expect((await load(long('b'.repeat(400)), long('b'.repeat(400)))).kind).toBe('valid');
  });

  test('a file that is missing, empty, a folder or of another kind says so', async () => {
    const missing = await problemsOf(loadDataSet(definition('/nowhere/train.csv', '/nowhere/test.txt'), sourcesIn('')));
    expect(missing).toEqual([
      'data.train: "/nowhere/train.csv" does not exist: give the absolute path of a file',
      'data.test: "/nowhere/test.txt" is no file of a kind that is read: give one that ends in .csv or .jsonl',
    ]);
    expect((await problemsOf(load('', good)))[0]).toMatch(/train.csv" is empty$/);
    expect((await problemsOf(load('text,label\n', good)))[0]).toMatch(/train.csv" has no rows$/);
    folder.write('folder.csv/x', '');
    expect(
      (await problemsOf(loadDataSet(definition(`${folder.path()}/folder.csv`, '/nowhere/a.csv'), sourcesIn(''))))[0],
    ).toMatch(/is a folder/);
  });

  test('another encoding is told with its line', async () => {
    const latin1 = Buffer.from('text,label\nfine,a\nGr\u00f6\u00dfe,b\n', 'latin1');

    expect((await problemsOf(load(latin1, good)))[0]).toMatch(/line 3: bytes that are not UTF-8: save .* as UTF-8/);
    expect((await problemsOf(load(Buffer.from(`\uFEFF${good}`, 'utf16le'), good)))[0]).toMatch(/UTF-16/);
  });

  test('JSON lines are checked line by line', async () => {
    const lines = '{"text": 1, "label": "a"}\nnot json\n[1]\n{"label": "a"}\n{"text": "x", "label": null}\n';

    expect(await problemsOf(load(lines, '{"text":"x","label":"a"}', {}, 'jsonl'))).toEqual([
      'data.train: line 1: field "text" is not a text',
      'data.train: line 2: not a JSON object',
      'data.train: line 3: not a JSON object',
      'data.train: line 4: no field "text": the fields are "label"',
      'data.train: line 5: field "label" is neither a text nor a number',
    ]);
  });
});

describeWithRealData('the Twitter financial news set', () => {
  test('has the rows of its description in each class', async () => {
    const set = await validSet(loadDataSet(definition(realData.twitterTrain, realData.twitterTest), sourcesIn('')));

    const perClass = (labels: Int32Array) => [0, 1, 2].map((index) => labels.filter((label) => label === index).length);
    expect(set.classes).toEqual(['0', '1', '2']);
    expect(perClass(set.train.labels)).toEqual([1442, 1923, 6178]);
    expect(perClass(set.test.labels)).toEqual([347, 475, 1566]);
  });
});
