import { createTokenizer, wordVocabularyFile } from '../../../trainer/tokenizers/tokenizer';
import texts from './bert-words.json';

/**
 * Words of random texts in many scripts, as Hugging Face's `tokenizers` 0.23.3 (Rust) separates them:
 * `BertPreTokenizer().pre_tokenize_str(BertNormalizer(lowercase=...).normalize_str(text))`.
 */
function tokenizerOf(words: readonly string[], lowercase: boolean) {
  const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...new Set(words)].join('\n');
  const created = createTokenizer(
    {
      'vocab.txt': vocabulary,
      'tokenizer.json': null,
      'tokenizer_config.json': JSON.stringify({ do_lower_case: lowercase }),
    },
    null,
  );
  if (created.kind === 'invalid') throw new Error(JSON.stringify(created.problems));
  return (text: string) => {
    const names = vocabulary.split('\n');
    return created.value
      .encode(text, 512)
      .slice(1, -1)
      .map((id) => names[id]);
  };
}

describe('the words of a text', () => {
  it.each([
    ['lower-cased', 'words', true],
    ['as they are', 'cased', false],
  ] as const)('are those of the Rust tokenizer, %s', (_, key, lowercase) => {
    // A vocabulary of the text's own words: each is one piece, and a word that is separated otherwise is [UNK].
    for (const row of texts) expect(tokenizerOf(row[key], lowercase)(row.text)).toEqual(row[key]);
  });

  it('are those of the vocabulary of an encoder with random weights', () => {
    const words = wordVocabularyFile(
      texts.map(({ text }) => text),
      1,
    )
      .trim()
      .split('\n')
      .slice(5);
    expect(new Set(words)).toEqual(new Set(texts.flatMap((row) => row.words)));
  });
});
