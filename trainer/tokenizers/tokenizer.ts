import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import type { Checked, Problem } from '../../contract/run-spec';
import { beforeBertNormalizer } from './bert-normalizer';
import type { Encoder } from './encoder';
import { wordsOf } from './preprocess';

/** Contents of the tokenizer's files in a Hugging Face folder; null for one that is not there. */
export interface TokenizerFiles {
  'vocab.txt': string | null;
  'tokenizer.json': string | null;
  'tokenizer_config.json': string | null;
}

/** The WordPiece tokenizer of a BERT encoder. */
export interface WordPieceTokenizer {
  /** One more than the largest id. */
  vocabularySize: number;
  /** Ids of [CLS] text [SEP], cut to `maxTokens`, the two included. No text gives the other special tokens. */
  encode(text: string, maxTokens: number): number[];
  /** As `encode` of the words with spaces between them, and the word that each id belongs to; -1 for [CLS] and [SEP]. */
  encodeWords(words: readonly string[], maxTokens: number): { ids: number[]; wordOf: number[] };
  /** What to save beside exported weights, so that the folder is whole. */
  files: TokenizerFiles;
}

const specialTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;
/** [MASK] is for pre-training alone. */
const neededTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'] as const;

/** Padding is told from tokens by this id, as in every BERT. */
const padId = 0;

const bertNormalizerSchema = z.looseObject({
  type: z.literal('BertNormalizer'),
  handle_chinese_chars: z.boolean().default(true),
  lowercase: z.boolean().default(true),
});

const tokenizerSchema = z.looseObject({
  model: z.looseObject({ type: z.literal('WordPiece'), vocab: z.record(z.string(), z.int().min(0)) }),
  added_tokens: z.array(z.looseObject({ special: z.boolean() })).default([]),
});
const configurationSchema = z.looseObject({ do_lower_case: z.boolean().default(true) });

/**
 * The tokenizer of a Hugging Face folder: from `tokenizer.json` where there is one, else BERT's WordPiece over
 * `vocab.txt`, lower-casing unless `tokenizer_config.json` says otherwise.
 *
 * Special tokens written out in a text are text: data must not be able to end a sequence or to pad it.
 *
 * @param embeddingRows Rows of the encoder's word embedding, which every id must be below; null: not known yet.
 */
export function createTokenizer(files: TokenizerFiles, embeddingRows: number | null): Checked<WordPieceTokenizer> {
  const definition = readDefinition(files);
  if (definition.kind === 'invalid') return definition;
  const { vocab } = definition.value.model;
  const vocabularySize = Object.values(vocab).reduce((largest, id) => Math.max(largest, id), -1) + 1;
  const problems = vocabularyProblems(vocab, vocabularySize, embeddingRows);
  if (problems.length > 0) return { kind: 'invalid', problems };
  const idsOf = textReader(definition.value);
  const cls = vocab['[CLS]']!;
  const sep = vocab['[SEP]']!;
  return {
    kind: 'valid',
    value: {
      vocabularySize,
      files,
      encode(text, maxTokens) {
        return [cls, ...idsOf(text).slice(0, maxTokens - 2), sep];
      },
      encodeWords(words, maxTokens) {
        const ids: number[] = [];
        const wordOf: number[] = [];
        for (const [index, word] of words.entries()) {
          const pieces = idsOf(word).slice(0, maxTokens - 2 - ids.length);
          ids.push(...pieces);
          wordOf.push(...pieces.map(() => index));
          if (ids.length === maxTokens - 2) break;
        }
        return { ids: [cls, ...ids, sep], wordOf: [-1, ...wordOf, -1] };
      },
    },
  };
}

/** Ids of a text without special tokens. */
function textReader(definition: Definition): (text: string) => number[] {
  const tokenizer = new Tokenizer(definition, {});
  const normalizer = bertNormalizerSchema.safeParse(definition.normalizer);
  const prepared = (text: string) => (normalizer.success ? beforeBertNormalizer(text, normalizer.data) : text);
  return (text) => tokenizer.encode(prepared(text), { add_special_tokens: false }).ids;
}

/** An encoder of a run, which reads at most `maxTokens` word pieces of a text, [CLS] and [SEP] included. */
export const wordPieceEncoder = (tokenizer: WordPieceTokenizer, maxTokens: number): Encoder => ({
  encode: (text) => tokenizer.encode(text, maxTokens),
  encodeWords: (text) => tokenizer.encodeWords(wordsOf(text), maxTokens),
});

/**
 * `vocab.txt` for an encoder with random weights: the special tokens, then the words of the train texts that
 * occur `minCount` times, most frequent first (equals in the order of their characters), as BERT separates words.
 */
export function wordVocabularyFile(texts: readonly string[], minCount: number): string {
  const separate = new Tokenizer(wordPieceDefinition({ '[UNK]': 0 }, true), {});
  const counts = new Map<string, number>();
  for (const text of texts) {
    const normal = separate.normalizer!(beforeBertNormalizer(text, bertNormalizer(true)));
    for (const word of separate.pre_tokenizer!(normal)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts]
    .filter(([, count]) => count >= minCount)
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
  return `${[...specialTokens, ...words.map(([word]) => word)].join('\n')}\n`;
}

type Definition = z.output<typeof tokenizerSchema>;

function readDefinition(files: TokenizerFiles): Checked<Definition> {
  if (files['tokenizer.json'] !== null) {
    const parsed = tokenizerSchema.safeParse(parseJson(files['tokenizer.json']));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return problem(`tokenizer.json is not of a WordPiece tokenizer (${issue?.path.join('.')}: ${issue?.message})`);
    }
    const withoutSpecial = parsed.data.added_tokens.filter((token) => !token.special);
    return { kind: 'valid', value: { ...parsed.data, added_tokens: withoutSpecial } };
  }
  if (files['vocab.txt'] === null) return problem('the folder has neither tokenizer.json nor vocab.txt: add one');
  const configuration = configurationSchema.safeParse(parseJson(files['tokenizer_config.json'] ?? '{}'));
  if (!configuration.success)
    return problem('tokenizer_config.json is not a JSON object with a do_lower_case of true or false');
  const words = files['vocab.txt'].split('\n').map((word) => word.replace(/\r$/, ''));
  if (words.at(-1) === '') words.pop();
  const vocab = Object.fromEntries(words.map((word, id) => [word, id]));
  return { kind: 'valid', value: wordPieceDefinition(vocab, configuration.data.do_lower_case) };
}

const bertNormalizer = (lowercase: boolean) =>
  ({ type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase }) as const;

/** What a `tokenizer.json` of BERT says. */
function wordPieceDefinition(vocab: Record<string, number>, lowercase: boolean): Definition {
  return {
    normalizer: bertNormalizer(lowercase),
    pre_tokenizer: { type: 'BertPreTokenizer' },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
    post_processor: null,
    decoder: null,
    added_tokens: [],
  };
}

function vocabularyProblems(
  vocab: Readonly<Record<string, number>>,
  vocabularySize: number,
  embeddingRows: number | null,
): Problem[] {
  const messages: string[] = [];
  const missing = neededTokens.filter((token) => !Object.hasOwn(vocab, token));
  if (missing.length > 0) messages.push(`the vocabulary lacks ${missing.join(', ')}: it is not that of a BERT encoder`);
  else if (vocab['[PAD]'] !== padId) messages.push(`[PAD] has id ${vocab['[PAD]']} in the vocabulary, not ${padId}`);
  if (embeddingRows !== null && vocabularySize > embeddingRows)
    messages.push(
      `the vocabulary has ids up to ${vocabularySize - 1}, the word embedding (vocab_size) only ${embeddingRows} rows: they are not of one model`,
    );
  return messages.map((message) => ({ path: 'teacher', message }));
}

const problem = (message: string): Checked<never> => ({ kind: 'invalid', problems: [{ path: 'teacher', message }] });

function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return null;
  }
}
