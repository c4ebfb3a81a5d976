/** Ideographs beyond U+FFFF that Hugging Face's `tokenizers` reads as words: its extension E begins at U+2B920, not U+2B820. */
const supplementaryIdeographs = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/** Settings of a `BertNormalizer`. */
export interface BertNormalizerSettings {
  type: 'BertNormalizer';
  handle_chinese_chars: boolean;
  lowercase: boolean;
}

/**
 * Makes the JavaScript tokenizer find the words that Hugging Face's `tokenizers` (Rust) finds: its normalizer looks at UTF-16
 * units, so it misses ideographs beyond U+FFFF, and it lower-cases a sigma at the end of a word to ς instead of σ.
 */
export function beforeBertNormalizer(
  text: string,
  { handle_chinese_chars, lowercase }: BertNormalizerSettings,
): string {
  const separated = handle_chinese_chars ? text.replace(supplementaryIdeographs, ' $& ') : text;
  return lowercase ? separated.replaceAll('Σ', 'σ') : separated;
}
