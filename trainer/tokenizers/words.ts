import type { WordVectors } from '../data/embeddings';
import { wordsOf } from '../data/preprocess';
import { type SequenceTable, sequenceTable } from '../data/sequences';

const padWord = '[PAD]';
const unknownWord = '[UNK]';
const unknownId = 1;

/** The student's words by id: [PAD] = 0, [UNK] = 1, then the others. */
export type WordVocabulary = readonly string[];

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

/** Encodes all texts once, before training. A text without words reads as one [UNK]: no sequence is empty. */
export function encodeWords(vocabulary: WordVocabulary, texts: readonly string[], maxWords: number): SequenceTable {
  const idOf = new Map(vocabulary.map((word, id) => [word, id]));
  return sequenceTable(
    texts.map((text) => {
      const ids = wordsOf(text)
        .slice(0, maxWords)
        .map((word) => idOf.get(word) ?? unknownId);
      return ids.length > 0 ? ids : [unknownId];
    }),
  );
}
