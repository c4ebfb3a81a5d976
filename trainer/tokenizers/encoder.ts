import { type SequenceTable, sequenceTable } from './sequences';

/** How a model reads text. */
export interface Encoder {
  /** Ids of a text, special tokens included, cut to the longest sequence of the run. Never empty. */
  encode(text: string): number[];
  /**
   * Ids of a text encoded word by word (words are separated by white space), and for each id the index of its word; -1 for an id
   * that belongs to no word, such as a special token.
   */
  encodeWords(text: string): { ids: number[]; wordOf: number[] };
}

/** Encodes all texts once, before training. */
export const encodeTexts = (encoder: Encoder, texts: readonly string[]): SequenceTable =>
  sequenceTable(texts.map((text) => encoder.encode(text)));

/** Texts as two models read them, with the correspondence between the two. */
export interface AlignedTexts {
  student: SequenceTable;
  teacher: SequenceTable;
  /** For each id of `teacher` the position in its text of the student's id for the same word; -1: none. */
  alignment: Int32Array;
}

/**
 * Encodes all texts for a student and a teacher that are compared word by word. The teacher encodes every word by itself. Where both
 * share an encoder, each id corresponds to itself; otherwise each id of the teacher corresponds to the student's first id for the
 * word.
 *
 * BERT's normaliser and pre-tokenizer never look across white space, so the teacher's ids are those of `encodeTexts`, except for
 * characters that are white space to the student and nothing to BERT (U+0085), which join two words there.
 */
export function encodeAligned(student: Encoder, teacher: Encoder, texts: readonly string[]): AlignedTexts {
  if (student === teacher) {
    const table = encodeTexts(teacher, texts);
    const positions = texts.flatMap((_, text) => [...Array(table.offsets[text + 1]! - table.offsets[text]!).keys()]);
    return { student: table, teacher: table, alignment: Int32Array.from(positions) };
  }
  const ofStudent = texts.map((text) => student.encodeWords(text));
  const ofTeacher = texts.map((text) => teacher.encodeWords(text));
  const alignment = ofTeacher.flatMap(({ wordOf }, text) => {
    const firstIds = firstIdByWord(ofStudent[text]!.wordOf);
    return wordOf.map((word) => firstIds.get(word) ?? -1);
  });
  return {
    student: sequenceTable(ofStudent.map(({ ids }) => ids)),
    teacher: sequenceTable(ofTeacher.map(({ ids }) => ids)),
    alignment: Int32Array.from(alignment),
  };
}

function firstIdByWord(wordOf: readonly number[]): Map<number, number> {
  const first = new Map<number, number>();
  wordOf.forEach((word, position) => {
    if (word >= 0 && !first.has(word)) first.set(word, position);
  });
  return first;
}
