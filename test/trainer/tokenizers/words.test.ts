import { readFileSync } from 'node:fs';
import { initialEmbedding, readWordVectors } from '../../../trainer/data/embeddings';
import { FileProblems } from '../../../trainer/data/file-problems';
import { readCsv } from '../../../trainer/data/records';
import { randomStream } from '../../../trainer/numeric/random';
import { encodeTexts } from '../../../trainer/tokenizers/encoder';
import { preprocess } from '../../../trainer/tokenizers/preprocess';
import { countWords, wordEncoder, wordVocabulary } from '../../../trainer/tokenizers/words';
import { describeWithRealData, realData } from '../../testkit/real-data';
import { useTestFolder } from '../../testkit/test-folder';

const folder = useTestFolder();

describe('the vocabulary', () => {
  const counts = countWords(['b a b', 'c  b\na', 'rare known [PAD]']);

  test('holds words seen often enough and words with a vector, most frequent first', () => {
    const vectors = new Map([['known', new Float32Array(2)]]);

    expect(wordVocabulary(counts, null, 2)).toEqual(['[PAD]', '[UNK]', 'b', 'a']);
    expect(wordVocabulary(counts, vectors, 2)).toEqual(['[PAD]', '[UNK]', 'b', 'a', 'known']);
  });

  test('encodes unknown words as 1, cuts, and reads a text without words as one unknown word', () => {
    const table = encodeTexts(wordEncoder(['[PAD]', '[UNK]', 'b', 'a'], 4), [
      'a b zzz',
      '',
      ' \n ',
      'a a a a a',
      '[PAD]',
    ]);

    expect(Array.from(table.ids)).toEqual([3, 2, 1, 1, 1, 3, 3, 3, 3, 0]);
    expect(Array.from(table.offsets)).toEqual([0, 3, 4, 5, 9, 10]);
  });
});

describe('reading vectors', () => {
  const needed = new Map([
    ['up', 1],
    ['down', 1],
    ['straße', 1],
    ['.', 1],
  ]);
  const read = (content: string, size = 2) => readWordVectors(folder.write('vectors.txt', content), needed, size);

  async function problemsOf(outcome: ReturnType<typeof read>): Promise<string[]> {
    const vectors = await outcome;
    if (vectors.kind === 'valid') throw new Error('expected problems');
    return vectors.problems.map(({ path, message }) => `${path}: ${message}`);
  }

  test('keeps the needed words, the first of a word twice, whatever the line ends', async () => {
    const vectors = await read('other 1 2\r\nup 0.5 -1e-1\r\nstraße 3 4\nup 9 9\n. . . 7 8\ndown -0 1');

    if (vectors.kind === 'invalid') throw new Error(JSON.stringify(vectors.problems));
    expect([...vectors.value].map(([word, vector]) => [word, ...vector])).toEqual([
      ['up', 0.5, Math.fround(-0.1)],
      ['straße', 3, 4],
      ['down', -0, 1],
    ]);
  });

  test('a file of another width is told at its first line, once', async () => {
    expect(await problemsOf(read('other 1 2 3\nup 1 2 3\n'))).toEqual([
      'vectors: line 1: 3 numbers where the embedding has 2: set embeddingSize to the width of the vectors',
    ]);
  });

  test('malformed lines are told with their numbers, all at once', async () => {
    const problems = await problemsOf(read('other 1 2\nup 1\nx 1\ndown 1 two\nstraße 1  2\nup 1 1e39\n'));

    expect(problems.map((problem) => problem.slice(0, 40))).toEqual([
      'vectors: line 2: 1 numbers where the emb',
      'vectors: line 4: "two" is not a number: ',
      'vectors: line 5: "" is not a number: exp',
      'vectors: line 6: "1e39" is not a number:',
    ]);
  });

  test('an empty, missing or endless file says so', async () => {
    expect((await problemsOf(read('')))[0]).toMatch(/is empty$/);
    expect((await problemsOf(readWordVectors('/nowhere/v.txt', needed, 2)))[0]).toMatch(
      /nowhere.*cannot be read.*ENOENT/,
    );
    expect((await problemsOf(read('x'.repeat(3 << 20))))[0]).toMatch(/a line has more than 1048576 bytes/);
  });

  test('a line across the border of two chunks is read whole', async () => {
    const vectors = await read(`first 1 2\n${'filler 1 2\n'.repeat(190_000)}up 3 4\n`);

    expect(vectors.kind === 'valid' && Array.from(vectors.value.get('up')!)).toEqual([3, 4]);
  });
});

describe('the initial embedding', () => {
  test('is zero for padding, the vectors where there are, and their mean for the unknown', () => {
    const vectors = new Map([
      ['up', Float32Array.of(1, 2)],
      ['down', Float32Array.of(3, -6)],
    ]);

    const embedding = initialEmbedding(['[PAD]', '[UNK]', 'up', 'down'], vectors, 2, randomStream(0, 'embedding'));

    expect(Array.from(embedding)).toEqual([0, 0, 2, -2, 1, 2, 3, -6]);
  });

  test('draws the other words from N(0, 0.4²)', () => {
    const words = ['[PAD]', '[UNK]', ...Array.from({ length: 2000 }, (_, index) => `w${index}`)];

    const drawn = initialEmbedding(words, null, 10, randomStream(0, 'embedding')).subarray(20);

    const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
    const deviation = Math.sqrt(drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / drawn.length);
    // Standard errors with 20,000 draws: 0.003 of the mean, 0.002 of the deviation.
    expect(Math.abs(mean)).toBeLessThan(0.012);
    expect(Math.abs(deviation - 0.4)).toBeLessThan(0.008);
  });
});

describeWithRealData('words of the Twitter set with real GloVe vectors', () => {
  // Figures of student_vocab() and enc_words() of the PyTorch reference (common.py) on the same files.
  test('are those of the PyTorch reference', async () => {
    const problems = new FileProblems('data');
    const [train, test] = [realData.twitterTrain, realData.twitterTest].map((path) =>
      readCsv(readFileSync(path, 'utf8'), { text: 'text', label: 'label' }, problems).map((record) =>
        preprocess(record.text, 'thesis'),
      ),
    );
    const counts = countWords(train!);
    const vectors = await readWordVectors(realData.glove, counts, 50);
    if (vectors.kind === 'invalid') throw new Error(JSON.stringify(vectors.problems));

    const vocabulary = wordVocabulary(counts, vectors.value, 2);
    const { ids } = encodeTexts(wordEncoder(vocabulary, 64), [...train!, ...test!]);

    expect(vectors.value.size).toBe(4393);
    expect(vocabulary).toHaveLength(2 + 9024);
    expect(vocabulary.slice(2, 7)).toEqual(['to', 'the', 'of', 'in', 'on']);
    expect(ids).toHaveLength(136_510);
    expect(ids.filter((id) => id === 1)).toHaveLength(12_867);
  });
});
