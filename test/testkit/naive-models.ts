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

/** erf by its Taylor series, whose terms cancel to 1e-12 for |x| < 3, and beyond that by Laplace's continued fraction. */
export function erf(x: number): number {
  if (Math.abs(x) >= 3) {
    let fraction = Math.abs(x);
    for (let k = 60; k > 0; k--) fraction = Math.abs(x) + k / 2 / fraction;
    return Math.sign(x) * (1 - Math.exp(-x * x) / (fraction * Math.sqrt(Math.PI)));
  }
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

const gelu = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));

/** The lengths of the rows of W + s B A, of every projection that has DoRA's magnitudes. */
export function naiveDoraLengths(weights: NaiveWeights, loraScale: number): Record<string, number[]> {
  const projections = Object.keys(weights).filter((name) => name.endsWith('.lora_magnitude'));
  return Object.fromEntries(
    projections.map((magnitude) => {
      const name = magnitude.slice(0, -'.lora_magnitude'.length);
      const [weight, down, up] = [weights[`${name}.weight`]!, weights[`${name}.lora_A`]!, weights[`${name}.lora_B`]!];
      const lengths = Array.from({ length: weight.shape[0]! }, (_, o) => {
        const row = rowOf(weight, o).map(
          (value, i) => value + loraScale * rowOf(up, o).reduce((sum, b, r) => sum + b * rowOf(down, r)[i]!, 0),
        );
        return Math.hypot(...row);
      });
      return [name, lengths];
    }),
  );
}

/** Logits of a BERT classifier on one sequence; LoRA, DoRA, adapters and prefixes in `weights` apply. */
export function naiveBert(
  weights: NaiveWeights,
  size: { layers: number; heads: number; layerNormEps: number },
  ids: number[],
  loraScale = 1,
  doraLengths: Record<string, number[]> | null = null,
): number[] {
  const w = (name: string): Array64 => weights[name]!;
  const dense = (name: string, x: number[]): number[] => {
    const down = weights[`${name}.lora_A`];
    const up = weights[`${name}.lora_B`];
    const narrow = down ? Array.from({ length: down.shape[0]! }, (_, r) => dot(down, r, x)) : [];
    return Array.from({ length: w(`${name}.weight`).shape[0]! }, (_, o) => {
      const lowRank = down && up ? loraScale * dot(up, o, narrow) : 0;
      const directed = dot(w(`${name}.weight`), o, x) + lowRank;
      return directed * rowFactor(name, o) + w(`${name}.bias`).values[o]!;
    });
  };
  /** DoRA's factor of a row: its learnt length over that of W + s B A, a constant unless `doraLengths` is left out. */
  const rowFactor = (name: string, o: number): number => {
    const magnitude = weights[`${name}.lora_magnitude`];
    return magnitude ? magnitude.values[o]! / (doraLengths ?? naiveDoraLengths(weights, loraScale))[name]![o]! : 1;
  };
  const adapt = (place: string, x: number[]) => {
    if (!(`${place}.adapter.up.weight` in weights)) return x;
    const narrow = dense(`${place}.adapter.down`, x).map(gelu);
    return plus(x, dense(`${place}.adapter.up`, narrow));
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
    const prefix = (part: string) => {
      const table = weights[`${layer}.attention.self.prefix_${part}`];
      return table ? Array.from({ length: table.shape[0]! }, (_, row) => rowOf(table, row)) : [];
    };
    k.unshift(...prefix('key'));
    v.unshift(...prefix('value'));
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
        plus(adapt(`${layer}.attention.output`, dense(`${layer}.attention.output.dense`, context)), x),
      );
      const wide = dense(`${layer}.intermediate.dense`, attended).map(gelu);
      return norm(
        `${layer}.output.LayerNorm`,
        plus(adapt(`${layer}.output`, dense(`${layer}.output.dense`, wide)), attended),
      );
    });
  }
  return dense('classifier', dense('pooler.dense', states[0]!).map(Math.tanh));
}

/** Logits of the student on one sequence; weights by the names of `initialiseBilstm`. */
export const naiveBilstm = (weights: NaiveWeights, ids: number[]): number[] => naiveBilstmStates(weights, ids).logits;

/** As `naiveBilstm`, with what leads there; `scores` only where the weights hold an attention. */
export function naiveBilstmStates(weights: NaiveWeights, ids: number[]) {
  const w = (name: string): Array64 => weights[name]!;
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const run = (direction: string, inputs: number[][]): number[][] => {
    const { shape, values } = w(`lstm.${direction}.weight`);
    const gates = shape[1]!;
    const units = gates / 4;
    let h = new Array<number>(units).fill(0);
    let cell = new Array<number>(units).fill(0);
    return inputs.map((x) => {
      const joined = [...x, ...h];
      const z = Array.from({ length: gates }, (_, g) =>
        joined.reduce(
          (sum, value, row) => sum + value * values[row * gates + g]!,
          w(`lstm.${direction}.bias`).values[g]!,
        ),
      );
      cell = cell.map((c, u) => sigmoid(z[units + u]!) * c + sigmoid(z[u]!) * Math.tanh(z[2 * units + u]!));
      h = cell.map((c, u) => sigmoid(z[3 * units + u]!) * Math.tanh(c));
      return h;
    });
  };
  const vectors = ids.map((id) => rowOf(w('embedding.weight'), id));
  const forward = run('forward', vectors);
  const backward = run('backward', [...vectors].reverse()).reverse();
  const wordStates = forward.map((h, word) => [...h, ...backward[word]!]);
  const scores = 'attention.weight' in weights ? wordStates.map((h) => attentionScore(weights, h)) : null;
  const shares = scores && softmax(scores);
  const state = shares
    ? wordStates[0]!.map((_, i) => shares.reduce((sum, share, word) => sum + share * wordStates[word]![i]!, 0))
    : [...forward.at(-1)!, ...backward[0]!];
  const logits = Array.from(
    { length: w('dense.bias').shape[0]! },
    (_, c) => dot(w('dense.weight'), c, state) + w('dense.bias').values[c]!,
  );
  return { logits, state, vectors, wordStates, scores };
}

/** v^T tanh(U h) */
const attentionScore = (weights: NaiveWeights, h: number[]): number => {
  const [u, v] = [weights['attention.weight']!, weights['attention.vector']!];
  return Array.from({ length: u.shape[0]! }, (_, row) => v.values[row]! * Math.tanh(dot(u, row, h))).reduce(
    (sum, term) => sum + term,
    0,
  );
};

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
