import { type Encoder, encodeAligned } from '../../../trainer/tokenizers/encoder';

/** An encoder that cuts every word into pieces of `width` characters, between two special tokens; the id is the length of a piece. */
function piecesOf(width: number): Encoder {
  const encodeWords = (text: string) => {
    const pieces = text.split(' ').flatMap((word, index) => {
      const count = Math.ceil(word.length / width);
      return Array.from({ length: count }, (_, piece) => ({ id: Math.min(width, word.length - piece * width), index }));
    });
    return { ids: [90, ...pieces.map(({ id }) => id), 91], wordOf: [-1, ...pieces.map(({ index }) => index), -1] };
  };
  return { encode: (text) => encodeWords(text).ids, encodeWords };
}

test('models with one encoder read the same rows, and each id corresponds to itself', () => {
  const encoder = piecesOf(2);

  const { student, teacher, alignment } = encodeAligned(encoder, encoder, ['abc d', 'e']);

  expect(student).toBe(teacher);
  expect([...teacher.ids]).toEqual([90, 2, 1, 1, 91, 90, 1, 91]);
  expect([...alignment]).toEqual([0, 1, 2, 3, 4, 0, 1, 2]);
});

test('with another encoder, each id of the teacher corresponds to the first id of its word', () => {
  const { student, teacher, alignment } = encodeAligned(piecesOf(2), piecesOf(1), ['abc d']);

  expect([...student.ids]).toEqual([90, 2, 1, 1, 91]);
  expect([...teacher.ids]).toEqual([90, 1, 1, 1, 1, 91]);
  expect([...alignment]).toEqual([-1, 1, 1, 1, 3, -1]);
});
