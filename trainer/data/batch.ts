/**
 * Sequences of different lengths, one behind the other: `ids` holds sum(lengths) entries, and sequence i has
 * `lengths[i]` >= 1 of them. Nothing is padded; a model that needs padding makes it where it needs it.
 */
export interface Sequences {
  ids: Int32Array;
  lengths: Int32Array;
}

/** The examples of one step. */
export interface Batch {
  /** Row of each example in the file it was read from. */
  rows: Int32Array;
  /** Class of each example, 0 to classes - 1. */
  labels: Int32Array;
  /** Words for the student; null where the run trains no student. */
  words: Sequences | null;
  /** Word pieces for the teacher, [CLS] and [SEP] included; null where no teacher reads them. */
  tokens: Sequences | null;
  /** Row of `words.ids` that each word piece of `tokens.ids` belongs to; -1: none. Left out where nothing asks for it. */
  wordRows?: Int32Array;
}
