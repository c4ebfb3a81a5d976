import type { Parameters } from '../../contract/parameters';

/** The values of a matrix, and in which order they stand. */
export interface Matrix {
  values: Float32Array;
  /** As stored: [outputs, inputs], or [inputs, outputs] where `inputsFirst`. */
  shape: readonly [number, number];
  inputsFirst?: boolean;
}

type Scope = Parameters['pruningScope'];

/**
 * One-shot magnitude pruning (Han et al., 2015, arXiv:1506.02626): of the weights that are compared with each other, the share
 * `sparsity` with the smallest |w| becomes 0; the count is rounded, and of equals those that stand first go first.
 *
 * @param scope which weights are compared: those of a `matrix`, of all matrices (`global`), those that lead to one output
 *   (`row`), or each four neighbouring inputs of an output, of which two go (`2:4`; of a rest of fewer, half, rounded down)
 * @returns new values in the order of the matrices
 */
export function pruneByMagnitude(matrices: readonly Matrix[], sparsity: number, scope: Scope): Float32Array[] {
  const pruned = matrices.map(({ values }) => values.slice());
  switch (scope) {
    case 'global': {
      const all = matrices.flatMap((_, matrix) => [placesOfAll(matrix, pruned[matrix]!)]);
      zeroSmallest(pruned, all, Math.round(sparsity * pruned.reduce((sum, { length }) => sum + length, 0)));
      return pruned;
    }
    case 'matrix':
      pruned.forEach((values, matrix) => {
        zeroSmallest(pruned, [placesOfAll(matrix, values)], Math.round(sparsity * values.length));
      });
      return pruned;
    case 'row':
      matrices.forEach((each, matrix) => {
        for (const places of placesByOutput(each))
          zeroSmallest(pruned, [{ matrix, places }], Math.round(sparsity * places.length));
      });
      return pruned;
    case '2:4':
      matrices.forEach((each, matrix) => {
        for (const places of placesByOutput(each))
          for (let start = 0; start < places.length; start += 4) {
            const four = places.subarray(start, start + 4);
            zeroSmallest(pruned, [{ matrix, places: four }], four.length >> 1);
          }
      });
      return pruned;
  }
}

/** Places in the values of one of the matrices. */
interface Places {
  matrix: number;
  places: Int32Array;
}

const placesOfAll = (matrix: number, { length }: Float32Array): Places => ({
  matrix,
  places: Int32Array.from({ length }, (_, place) => place),
});

/** For each output the places of the weights that lead to it, in the order of the inputs. */
function placesByOutput({ shape, inputsFirst = false }: Matrix): Int32Array[] {
  const [outputs, inputs] = inputsFirst ? [shape[1], shape[0]] : shape;
  const placeOf = inputsFirst
    ? (output: number, input: number) => input * outputs + output
    : (output: number, input: number) => output * inputs + input;
  return Array.from({ length: outputs }, (_, output) =>
    Int32Array.from({ length: inputs }, (_, input) => placeOf(output, input)),
  );
}

/** Sets the `count` smallest of some values to 0: those below the threshold, then as many as are wanted of those at it. */
function zeroSmallest(values: readonly Float32Array[], parts: readonly Places[], count: number): void {
  if (count === 0) return;
  const sizes = new Float32Array(parts.reduce((sum, { places }) => sum + places.length, 0));
  let filled = 0;
  for (const { matrix, places } of parts)
    for (const place of places) sizes[filled++] = Math.abs(values[matrix]![place]!);
  const threshold = sizes.sort()[count - 1]!;
  let atThreshold = count - sizes.findIndex((size) => size >= threshold);
  for (const { matrix, places } of parts)
    for (const place of places) {
      const size = Math.abs(values[matrix]![place]!);
      if (size < threshold || (size === threshold && atThreshold-- > 0)) values[matrix]![place] = 0;
    }
}
