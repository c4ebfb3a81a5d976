import type { Encoder } from './encoder';
import { wordsOf } from './preprocess';

const padWord = '[PAD]';
const unknownWord = '[UNK]';
const unknownId = 1;

/** The student's words by id: [PAD] = 0, [UNK] = 1, then the others. */
export type WordVocabulary = readonly string[];

/** Pre-trained vectors by word. */
export type WordVectors = ReadonlyMap<string, Float32Array>;

export function countWords(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/**
 * The student's vocabulary: words of the train texts that have a pre-trained vector, and others that occur
 * `minWordCount` times, most frequent first (equals in the order of their characters).
 *
 * @param counts Of the words of the train texts; dev and test must not shape a model.
 */
export function wordVocabulary(
  counts: ReadonlyMap<string, number>,
  vectors: WordVectors | null,
  minWordCount: number,
): WordVocabulary {
  const words = [...counts]
    .filter(([word]) => word !== padWord && word !== unknownWord)
    .filter(([word, count]) => count >= minWordCount || vectors?.has(word))
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .map(([word]) => word);
  return [padWord, unknownWord, ...words];
}

/** An encoder of a run, which reads at most `maxWords` words of a text. A text without words reads as one [UNK]. */
export function wordEncoder(vocabulary: WordVocabulary, maxWords: number): Encoder {
  const idOf = new Map(vocabulary.map((word, id) => [word, id]));
  const encodeWords = (text: string) => {
    const ids = wordsOf(text)
      .slice(0, maxWords)
      .map((word) => idOf.get(word) ?? unknownId);
    return ids.length > 0 ? { ids, wordOf: [...ids.keys()] } : { ids: [unknownId], wordOf: [-1] };
  };
  return { encode: (text) => encodeWords(text).ids, encodeWords };
}
