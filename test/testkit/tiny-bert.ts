import { bertConfig } from '../../trainer/models/transformer/families/bert';
import type { Sequences } from '../../trainer/tokenizers/sequences';

/** An encoder small enough for float64 differences, and token sequences of unequal lengths for it. */
export const tinyBertConfig = {
  ...bertConfig({ vocabularySize: 11, hidden: 8, layers: 3, heads: 2, intermediate: 12 }),
  maxPositions: 6,
};
export const tinySequences = [
  [2, 7, 10, 3],
  [2, 3],
  [2, 5, 5, 9, 8, 3],
];
export const tinyTokens: Sequences = {
  ids: Int32Array.from(tinySequences.flat()),
  lengths: Int32Array.from(tinySequences, (sequence) => sequence.length),
};
