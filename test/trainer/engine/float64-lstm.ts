/**
 * Hidden states of an LSTM from zero states, plainly and in float64, gate order i, f, c, o.
 *
 * @param x [t][b][in]
 * @param weight [in + u][4u]
 * @returns [t][b][u]
 */
export function lstmHiddenStates(x: number[][][], weight: number[][], bias: number[]): number[][][] {
  const units = bias.length / 4;
  const batch = x[0]!.length;
  const sigmoid = (value: number) => 1 / (1 + Math.exp(-value));
  let hidden = Array.from({ length: batch }, () => new Array<number>(units).fill(0));
  let cell = hidden;
  return x.map((inputs) => {
    const gates = inputs.map((row, i) => {
      const joined = [...row, ...hidden[i]!];
      return bias.map((start, column) => joined.reduce((sum, value, k) => sum + value * weight[k]![column]!, start));
    });
    cell = cell.map((states, i) =>
      states.map((state, unit) => {
        const [input, forget, candidate] = [0, 1, 2].map((gate) => gates[i]![gate * units + unit]!) as [
          number,
          number,
          number,
        ];
        return sigmoid(forget) * state + sigmoid(input) * Math.tanh(candidate);
      }),
    );
    hidden = cell.map((states, i) =>
      states.map((state, unit) => sigmoid(gates[i]![3 * units + unit]!) * Math.tanh(state)),
    );
    return hidden;
  });
}
