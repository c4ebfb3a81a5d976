/**
 * Sequences of different lengths, one behind the other: `ids` holds sum(lengths) entries, and sequence i has
 * `lengths[i]` >= 1 of them. Nothing is padded; a model that needs padding makes it where it needs it.
 */
export interface Sequences {
  ids: Int32Array;
  lengths: Int32Array;
}

/** Many sequences in one piece, any of which can be had: sequence i is `ids[offsets[i] .. offsets[i + 1])`. */
export interface SequenceTable {
  ids: Int32Array;
  /** One more than there are sequences. */
  offsets: Int32Array;
}

export function sequenceTable(sequences: readonly (readonly number[])[]): SequenceTable {
  const offsets = new Int32Array(sequences.length + 1);
  for (const [index, sequence] of sequences.entries()) offsets[index + 1] = offsets[index]! + sequence.length;
  const ids = new Int32Array(offsets[sequences.length]!);
  for (const [index, sequence] of sequences.entries()) ids.set(sequence, offsets[index]!);
  return { ids, offsets };
}

export const sequenceLength = ({ offsets }: SequenceTable, index: number): number =>
  offsets[index + 1]! - offsets[index]!;

/** The sequences at `positions`, one behind the other. */
export function selectSequences(table: SequenceTable, positions: Int32Array): Sequences {
  const lengths = positions.map((position) => sequenceLength(table, position));
  const ids = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
  let filled = 0;
  for (const position of positions) {
    const sequence = table.ids.subarray(table.offsets[position]!, table.offsets[position + 1]!);
    ids.set(sequence, filled);
    filled += sequence.length;
  }
  return { ids, lengths };
}
