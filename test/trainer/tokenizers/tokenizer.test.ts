import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { FileProblems } from '../../../trainer/data/file-problems';
import { readCsv } from '../../../trainer/data/records';
import { encodeAligned, encodeTexts } from '../../../trainer/tokenizers/encoder';
import { preprocess } from '../../../trainer/tokenizers/preprocess';
import {
  createTokenizer,
  type TokenizerFiles,
  type WordPieceTokenizer,
  wordPieceEncoder,
  wordVocabularyFile,
} from '../../../trainer/tokenizers/tokenizer';
import { wordEncoder } from '../../../trainer/tokenizers/words';
import { describeWithRealData, realData } from '../../testkit/real-data';

const files = (vocabulary: string | null, more: Partial<TokenizerFiles> = {}): TokenizerFiles => ({
  'vocab.txt': vocabulary,
  'tokenizer.json': null,
  'tokenizer_config.json': null,
  ...more,
});

function tokenizer(given: TokenizerFiles): WordPieceTokenizer {
  const outcome = createTokenizer(given, null);
  if (outcome.kind === 'invalid') throw new Error(JSON.stringify(outcome.problems));
  return outcome.value;
}

function problemsOf(given: TokenizerFiles, embeddingRows: number | null = null): string[] {
  const outcome = createTokenizer(given, embeddingRows);
  if (outcome.kind === 'valid') throw new Error('expected problems');
  return outcome.problems.map((problem) => problem.message);
}

const small = '[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nCafé\ncafe\n!\n';

describe('word pieces aligned with the words of the student', () => {
  const aligned = (text: string, cut: { maxTokens: number; maxWords: number }) => {
    const student = wordEncoder([], cut.maxWords);
    const teacher = wordPieceEncoder(tokenizer(files(small)), cut.maxTokens);
    const { teacher: tokens, alignment } = encodeAligned(student, teacher, [text]);
    return { ids: [...tokens.ids], alignment: [...alignment] };
  };
  const ample = { maxTokens: 64, maxWords: 64 };

  test.each([
    ['un unaffable!  un', ample, [2, 4, 4, 5, 6, 9, 4, 3], [-1, 0, 1, 1, 1, 1, 2, -1]],
    ['', ample, [2, 3], [-1, -1]],
    // The teacher reads one of the three pieces of the second word, and nothing of the third.
    ['un unaffable un', { maxTokens: 4, maxWords: 64 }, [2, 4, 4, 3], [-1, 0, 1, -1]],
    ['un un un', { maxTokens: 4, maxWords: 64 }, [2, 4, 4, 3], [-1, 0, 1, -1]],
    // The student reads the first word alone.
    ['un unaffable', { maxTokens: 64, maxWords: 1 }, [2, 4, 4, 5, 6, 3], [-1, 0, -1, -1, -1, -1]],
    // U+0085 parts words for the student, but BERT deletes it.
    ['un\u0085un', ample, [2, 4, 4, 3], [-1, 0, 1, -1]],
  ])('%j, cut to %o', (text, cut, ids, alignment) => {
    expect(aligned(text, cut)).toEqual({ ids, alignment });
  });
});

describeWithRealData('word pieces of the real data, aligned', () => {
  test.each(['thesis', 'light', 'none'] as const)('are those of the whole texts: %s', (mode) => {
    const real = tokenizer(files(readFileSync(realData.bertVocabulary, 'utf8')));
    const columns = { text: 'text', label: 'label' };
    const records = readCsv(readFileSync(realData.twitterTrain, 'utf8'), columns, new FileProblems('train'));
    const texts = records.map(({ text }) => preprocess(text, mode));
    const encoder = wordPieceEncoder(real, 64);
    const { teacher: tokens } = encodeAligned(wordEncoder([], 64), encoder, texts);
    const whole = encodeTexts(encoder, texts);
    const differing = texts.filter((_, text) => {
      const of = ({ ids, offsets }: typeof whole) => String(ids.subarray(offsets[text], offsets[text + 1]));
      return of(tokens) !== of(whole);
    });
    expect(differing.every((text) => text.includes('\u0085'))).toBe(true);
    expect(differing.length).toBeLessThanOrEqual(1);
  });
});

describe('WordPiece over a small vocabulary, worked out by hand', () => {
  test.each([
    ['unaffable', [2, 4, 5, 6, 3]],
    ['Unaffable!unaff', [2, 4, 5, 6, 9, 4, 5, 3]],
    ['unaffables un', [2, 1, 4, 3]],
    ['CAFÉ', [2, 8, 3]],
    ['', [2, 3]],
    ['[PAD]', [2, 1, 1, 1, 3]],
  ])('%j', (text, ids) => {
    expect(tokenizer(files(small)).encode(text, 64)).toEqual(ids);
  });

  test('cuts to the longest length, the special tokens included', () => {
    expect(tokenizer(files(small)).encode('un un un un', 4)).toEqual([2, 4, 4, 3]);
    expect(tokenizer(files(small)).encode('un un', 4)).toEqual([2, 4, 4, 3]);
  });

  test('keeps case and accents where the folder says so', () => {
    const cased = tokenizer(files(small, { 'tokenizer_config.json': '{"do_lower_case": false}' }));

    expect(cased.encode('Café cafe CAFE', 64)).toEqual([2, 7, 8, 1, 3]);
  });

  test('reads line ends of either kind', () => {
    expect(tokenizer(files(small.replaceAll('\n', '\r\n'))).encode('un', 64)).toEqual([2, 4, 3]);
  });

  test('prefers tokenizer.json, whose special tokens are not found in texts either', () => {
    const definition = {
      version: '1.0',
      added_tokens: [{ id: 0, content: '[PAD]', special: true, single_word: false, lstrip: false, rstrip: false }],
      normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: null,
      decoder: null,
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, hello: 4 },
      },
    };
    const fromJson = tokenizer(files('ignored', { 'tokenizer.json': JSON.stringify(definition) }));

    expect(fromJson.encode('Hello [PAD]', 64)).toEqual([2, 4, 1, 1, 1, 3]);
    expect(fromJson.vocabularySize).toBe(5);
  });
});

describe('a vocabulary that cannot be used', () => {
  test.each([
    ['no file at all', files(null), null, /neither tokenizer.json nor vocab.txt/],
    ['missing special tokens', files('[PAD]\n[UNK]\nhello\n'), null, /lacks \[CLS\], \[SEP\]/],
    ['padding that is not 0', files(`x\n${small}`), null, /\[PAD\] has id 1/],
    ['more words than the embedding has rows', files(small), 9, /ids up to 9, the word embedding.*only 9 rows/],
    ['a tokenizer of another kind', files(null, { 'tokenizer.json': '{"model":{"type":"BPE"}}' }), null, /WordPiece/],
    ['a tokenizer.json cut short', files(small, { 'tokenizer.json': '{"model":' }), null, /tokenizer.json is not/],
  ])('%s', (_, given, embeddingRows, message) => {
    expect(problemsOf(given, embeddingRows)).toEqual([expect.stringMatching(message)]);
  });

  test('an embedding with rows to spare is fine', () => {
    expect(createTokenizer(files(small), 16).kind).toBe('valid');
  });
});

test('a vocabulary made of texts holds their words by count, and serves as vocab.txt', () => {
  const vocabulary = wordVocabularyFile(['Stocks fall, stocks rise', 'profits fall; $x', 'STOCKS rise'], 2);

  expect(vocabulary).toBe('[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nstocks\nfall\nrise\n');
  expect(tokenizer(files(vocabulary)).encode('Profits fall', 64)).toEqual([2, 1, 6, 3]);
});

describeWithRealData('WordPiece over the vocabulary of BERT uncased', () => {
  let bert: WordPieceTokenizer;
  beforeAll(() => {
    bert = tokenizer(files(readFileSync(realData.bertVocabulary, 'utf8')));
  });

  // Ids from class WordPiece of the PyTorch reference (common.py, Python 3.11 and its unicodedata).
  test.each([
    ['Héllo naïve façade', [101, 7592, 15743, 8508, 102]],
    ['中文字 ok', [101, 1746, 1861, 100, 7929, 102]],
    ['a\u0000b\ufffdc x\u200dy', [101, 5925, 1060, 2100, 102]],
    [`${'a'.repeat(101)} b`, [101, 100, 1038, 102]],
    ['a'.repeat(100), [101, 13360, ...Array(48).fill(11057), 2050, 102]],
    ['[CLS] hi [SEP] [MASK]', [101, 1031, 18856, 2015, 1033, 7632, 1031, 19802, 1033, 1031, 7308, 1033, 102]],
    ['İstanbul', [101, 9960, 102]],
    ['ﬁne ½', [101, 1984, 2638, 1092, 102]],
    ['😀 emoji', [101, 100, 7861, 29147, 2072, 102]],
    ['tab\tnew\nline\u00a0nbsp', [101, 21628, 2047, 2240, 1050, 5910, 2361, 102]],
    ['`^~$+<=>|', [101, 1036, 1034, 1066, 1002, 1009, 1026, 1027, 1028, 1064, 102]],
    ['don’t — ok', [101, 2123, 1521, 1056, 1517, 7929, 102]],
    ['   ', [101, 102]],
    ['unaffable embeddings', [101, 14477, 20961, 3468, 7861, 8270, 4667, 2015, 102]],
    ['\u3042\u304c 한국어', [101, 1646, 30177, 1469, 30006, 30021, 29991, 30014, 30020, 29999, 30008, 102]],
    ['Ⅷ ŉ', [101, 100, 100, 102]],
  ])('%j', (text, ids) => {
    expect(bert.encode(text, 64)).toEqual(ids);
  });

  // SHA-256 over the ids of all 11,931 texts, cut to 64: ids joined by spaces, texts by line feeds; same reference.
  test.each([
    ['thesis', 201_589, 'c948d78d49e80098f2f86db0e6c181d100bfb5a208be81477f29b43a219bcdbf'],
    ['none', 330_098, 'd03088c480756a3f88618111972770a7a94c8f6650f229d8a6fc281ea733da5a'],
  ] as const)('gives every text of the Twitter set the ids of the reference (%s)', (mode, count, expected) => {
    const problems = new FileProblems('data');
    const texts = [realData.twitterTrain, realData.twitterTest].flatMap((path) =>
      readCsv(readFileSync(path, 'utf8'), { text: 'text', label: 'label' }, problems).map((record) =>
        preprocess(record.text, mode),
      ),
    );

    const { ids, offsets } = encodeTexts(wordPieceEncoder(bert, 64), texts);

    const lines = texts.map((_, index) => ids.subarray(offsets[index], offsets[index + 1]).join(' '));
    expect(ids).toHaveLength(count);
    expect(createHash('sha256').update(lines.join('\n')).digest('hex')).toBe(expected);
  });
});
