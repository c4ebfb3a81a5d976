/**
 * The models in plain float64 loops, written from the papers' formulas and sharing no code with the trainer: the oracle
 * for logits and, by central differences, for gradients.
 */
export interface Array64 {
  shape: number[];
  values: Float64Array;
}
export type NaiveWeights = Record<string, Array64>;

const dot = (weight: Array64, row: number, x: number[]): number =>
  x.reduce((sum, value, column) => sum + value * weight.values[row * weight.shape[1]! + column]!, 0);
const rowOf = (table: Array64, row: number): number[] => [
  ...table.values.subarray(row * table.shape[1]!, (row + 1) * table.shape[1]!),
];

/** erf by its Taylor series, which for |x| < 4 loses no more than 1e-10. */
export function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 120 && Math.abs(term) > 1e-18; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function layerNorm(x: number[], gamma: Array64, beta: Array64, eps: number): number[] {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map((value, i) => (gamma.values[i]! * (value - mean)) / Math.sqrt(variance + eps) + beta.values[i]!);
}

export function softmax(x: number[]): number[] {
  const largest = Math.max(...x);
  const powers = x.map((value) => Math.exp(value - largest));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}

/** Logits of a BERT classifier on one sequence; LoRA matrices in `weights` apply with `loraAlpha`. */
export function naiveBert(
  weights: NaiveWeights,
  size: { layers: number; heads: number; layerNormEps: number },
  ids: number[],
  loraAlpha = 1,
): number[] {
  const w = (name: string): Array64 => weights[name]!;
  const dense = (name: string, x: number[]): number[] => {
    const down = weights[`${name}.lora_A`];
    const up = weights[`${name}.lora_B`];
    const narrow = down ? Array.from({ length: down.shape[0]! }, (_, r) => dot(down, r, x)) : [];
    return Array.from({ length: w(`${name}.weight`).shape[0]! }, (_, o) => {
      const lowRank = down && up ? (loraAlpha / down.shape[0]!) * dot(up, o, narrow) : 0;
      return dot(w(`${name}.weight`), o, x) + w(`${name}.bias`).values[o]! + lowRank;
    });
  };
  const norm = (name: string, x: number[]) => layerNorm(x, w(`${name}.weight`), w(`${name}.bias`), size.layerNormEps);
  const plus = (a: number[], b: number[]) => a.map((value, i) => value + b[i]!);

  const [word, position, type] = ['word', 'position', 'token_type'].map((n) => w(`embeddings.${n}_embeddings.weight`));
  let states = ids.map((id, p) =>
    norm('embeddings.LayerNorm', plus(plus(rowOf(word!, id), rowOf(position!, p)), rowOf(type!, 0))),
  );
  for (let index = 0; index < size.layers; index++) {
    const layer = `encoder.layer.${index}`;
    const [q, k, v] = ['query', 'key', 'value'].map((part) =>
      states.map((x) => dense(`${layer}.attention.self.${part}`, x)),
    ) as [number[][], number[][], number[][]];
    const width = q[0]!.length / size.heads;
    states = states.map((x, asking) => {
      const context = Array.from({ length: size.heads }, (_, head) => {
        const part = (y: number[]) => y.slice(head * width, (head + 1) * width);
        const p = softmax(
          k.map((key) => part(key).reduce((s, value, i) => s + value * part(q[asking]!)[i]!, 0) / Math.sqrt(width)),
        );
        return Array.from({ length: width }, (_, i) => p.reduce((s, weight, at) => s + weight * part(v[at]!)[i]!, 0));
      }).flat();
      const attended = norm(
        `${layer}.attention.output.LayerNorm`,
        plus(dense(`${layer}.attention.output.dense`, context), x),
      );
      const wide = dense(`${layer}.intermediate.dense`, attended).map((y) => 0.5 * y * (1 + erf(y / Math.SQRT2)));
      return norm(`${layer}.output.LayerNorm`, plus(dense(`${layer}.output.dense`, wide), attended));
    });
  }
  return dense('classifier', dense('pooler.dense', states[0]!).map(Math.tanh));
}

/** Logits of the student on one sequence; weights by the names of `initialiseBilstm`. */
export function naiveBilstm(weights: NaiveWeights, ids: number[]): number[] {
  const w = (name: string): Array64 => weights[name]!;
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const run = (direction: string, inputs: number[][]): number[] => {
    const { shape, values } = w(`lstm.${direction}.weight`);
    const gates = shape[1]!;
    const units = gates / 4;
    let h = new Array<number>(units).fill(0);
    let cell = new Array<number>(units).fill(0);
    for (const x of inputs) {
      const joined = [...x, ...h];
      const z = Array.from({ length: gates }, (_, g) =>
        joined.reduce(
          (sum, value, row) => sum + value * values[row * gates + g]!,
          w(`lstm.${direction}.bias`).values[g]!,
        ),
      );
      cell = cell.map((c, u) => sigmoid(z[units + u]!) * c + sigmoid(z[u]!) * Math.tanh(z[2 * units + u]!));
      h = cell.map((c, u) => sigmoid(z[3 * units + u]!) * Math.tanh(c));
    }
    return h;
  };
  const vectors = ids.map((id) => rowOf(w('embedding.weight'), id));
  const state = [...run('forward', vectors), ...run('backward', [...vectors].reverse())];
  return Array.from(
    { length: w('dense.bias').shape[0]! },
    (_, c) => dot(w('dense.weight'), c, state) + w('dense.bias').values[c]!,
  );
}

/** d f / d weights[name][index] by a central difference. */
export function centralDifference(
  f: (weights: NaiveWeights) => number,
  weights: NaiveWeights,
  name: string,
  index: number,
  step = 1e-5,
): number {
  const { values } = weights[name]!;
  const before = values[index]!;
  const at = (value: number) => {
    values[index] = value;
    return f(weights);
  };
  const slope = (at(before + step) - at(before - step)) / (2 * step);
  values[index] = before;
  return slope;
}
