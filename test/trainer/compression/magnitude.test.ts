import fc from 'fast-check';
import { type Matrix, pruneByMagnitude } from '../../../trainer/compression/magnitude';
import { seeded } from '../../testkit/seed';

const matrix = (rows: number[][], inputsFirst = false): Matrix => ({
  values: Float32Array.from(rows.flat()),
  shape: [rows.length, rows[0]!.length],
  inputsFirst,
});

describe('magnitude pruning', () => {
  const first = [
    [1, -2, 3, -4],
    [0.5, 0.25, -8, 6],
  ];
  const second = [[7, -0.1]];

  it.each([
    ['matrix', 0.5, [0, 0, 3, -4, 0, 0, -8, 6], [7, 0]],
    // Of ten weights the five smallest: 0.1, 0.25, 0.5, 1, 2.
    ['global', 0.5, [0, 0, 3, -4, 0, 0, -8, 6], [7, 0]],
    // Seven of ten: 3, 4 go too.
    ['global', 0.7, [0, 0, 0, 0, 0, 0, -8, 6], [7, 0]],
    ['row', 0.25, [0, -2, 3, -4, 0.5, 0, -8, 6], [7, 0]],
    ['2:4', 0.5, [0, 0, 3, -4, 0, 0, -8, 6], [7, 0]],
    ['matrix', 0, [1, -2, 3, -4, 0.5, 0.25, -8, 6], [7, -0.1]],
  ] as const)('by %s at %d is as worked by hand', (scope, sparsity, ofFirst, ofSecond) => {
    const pruned = pruneByMagnitude([matrix(first), matrix(second)], sparsity, scope);
    expect(pruned.map((values) => [...values])).toEqual([[...ofFirst], [...Float32Array.from(ofSecond)]]);
  });

  it('takes the inputs of an output together also where a matrix stands the other way round', () => {
    const [pruned] = pruneByMagnitude(
      [
        matrix(
          [
            [1, 8],
            [2, 5],
            [3, 6],
            [4, 7],
          ],
          true,
        ),
      ],
      0.5,
      'row',
    );
    expect([...pruned!]).toEqual([0, 8, 0, 0, 3, 0, 4, 7]);
  });

  it('is what sorting the weights of every group gives, for any matrices', () => {
    // Few values, so that many are equal in size.
    const weight = fc.integer({ min: -3, max: 3 }).map((value) => value / 2);
    const anyMatrix = fc
      .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 9 }), fc.boolean())
      .chain(([rows, columns, inputsFirst]) =>
        fc
          .array(fc.array(weight, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows })
          .map((values) => matrix(values, inputsFirst)),
      );
    fc.assert(
      fc.property(
        fc.array(anyMatrix, { minLength: 1, maxLength: 3 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.constantFrom('matrix', 'global', 'row', '2:4'),
        (matrices, sparsity, scope) => {
          const before = matrices.map(({ values }) => [...values]);
          const pruned = pruneByMagnitude(matrices, sparsity, scope as 'matrix').map((values) => [...values]);
          expect(pruned).toEqual(naive(matrices, sparsity, scope));
          expect(matrices.map(({ values }) => [...values])).toEqual(before);
        },
      ),
      seeded(),
    );
  });
});

/** The definition, word by word: lists of (matrix, row, column), sorted by size. */
function naive(matrices: readonly Matrix[], sparsity: number, scope: string): number[][] {
  const cells = matrices.flatMap(({ values, shape: [rows, columns], inputsFirst }, index) =>
    Array.from({ length: rows * columns }, (_, place) => {
      const [row, column] = [Math.floor(place / columns), place % columns];
      const [output, input] = inputsFirst ? [column, row] : [row, column];
      return { index, place, output, input, size: Math.abs(values[place]!) };
    }),
  );
  const keyOf = ({ index, output, input }: (typeof cells)[number]): string =>
    ({
      global: 'all',
      matrix: `${index}`,
      row: `${index} ${output}`,
      '2:4': `${index} ${output} ${Math.floor(input / 4)}`,
    })[scope]!;
  const result = matrices.map(({ values }) => [...values]);
  for (const key of new Set(cells.map(keyOf))) {
    const group = cells.filter((cell) => keyOf(cell) === key);
    const count = scope === '2:4' ? Math.floor(group.length / 2) : Math.round(sparsity * group.length);
    const sorted = [...group].sort((a, b) => a.size - b.size || a.index - b.index || a.place - b.place);
    for (const { index, place } of sorted.slice(0, count)) result[index]![place] = 0;
  }
  return result;
}
