import * as float64 from './float64';
import type { NaiveWeights } from './naive-models';

/** Weights as numbers that know their derivatives; a vector is a matrix of one row. */
export type RealWeights = Record<string, float64.Matrix>;

export const realWeights = (weights: NaiveWeights): RealWeights =>
  Object.fromEntries(
    Object.entries(weights).map(([name, { shape, values }]) => {
      const columns = shape.at(-1)!;
      const rows = Array.from({ length: values.length / columns }, (_, row) => [
        ...values.subarray(row * columns, (row + 1) * columns),
      ]);
      return [name, float64.matrix(rows)];
    }),
  );

/** Logits of the BiLSTM without attention on one text, to be differentiated by `float64.derivatives`. */
export function realBilstm(weights: RealWeights, ids: readonly number[]): float64.Real[] {
  const { add, multiply, scale, sum, tanh, real } = float64;
  const sigmoid = (x: float64.Real) => add(scale(tanh(scale(x, 0.5)), 0.5), real(0.5));
  const lastState = (direction: string, inputs: readonly float64.Real[][]): float64.Real[] => {
    const [matrix, bias] = [weights[`lstm.${direction}.weight`]!, weights[`lstm.${direction}.bias`]![0]!];
    const units = bias.length / 4;
    let [h, cell] = [0, 0].map(() => Array.from({ length: units }, () => real(0))) as [float64.Real[], float64.Real[]];
    for (const x of inputs) {
      const joined = [...x, ...h];
      const z = bias.map((b, g) => sum([b, ...joined.map((value, row) => multiply(value, matrix[row]![g]!))]));
      cell = cell.map((c, u) =>
        add(multiply(sigmoid(z[units + u]!), c), multiply(sigmoid(z[u]!), tanh(z[2 * units + u]!))),
      );
      h = cell.map((c, u) => multiply(sigmoid(z[3 * units + u]!), tanh(c)));
    }
    return h;
  };
  const vectors = ids.map((id) => weights['embedding.weight']![id]!);
  const state = [...lastState('forward', vectors), ...lastState('backward', [...vectors].reverse())];
  return weights['dense.weight']!.map((row, k) =>
    sum([weights['dense.bias']![0]![k]!, ...row.map((value, u) => multiply(value, state[u]!))]),
  );
}
