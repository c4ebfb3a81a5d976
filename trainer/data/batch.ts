import type { Sequences } from '../tokenizers/sequences';

/** A model of a run, by its part in it. */
export type Role = 'student' | 'teacher';

/** The examples of one step. */
export interface Batch {
  /** Row of each example in the file it was read from. */
  rows: Int32Array;
  /** Class of each example, 0 to classes - 1. */
  labels: Int32Array;
  /** What each model reads, as its own tokenizer encodes it; null where the run has no such model. */
  inputs: Readonly<Record<Role, Sequences | null>>;
  /**
   * For each id of `inputs.teacher` the row of the id in `inputs.student` that stands for the same word; -1: none. Left out
   * where the method does not compare teacher and student word by word.
   */
  alignment?: Int32Array;
}
