/**
 * Reverse-mode differentiation of scalars in float64, to hold float32 tensor code against: slow, plain, and written from
 * the definitions. A matrix is an array of rows.
 */
export interface Real {
  readonly value: number;
  readonly parents: readonly (readonly [Real, number])[];
}

export type Matrix = Real[][];

export const real = (value: number): Real => ({ value, parents: [] });
export const matrix = (rows: readonly (readonly number[])[]): Matrix => rows.map((row) => row.map(real));
export const values = (rows: Matrix): number[][] => rows.map((row) => row.map((x) => x.value));

export const add = (a: Real, b: Real): Real => ({
  value: a.value + b.value,
  parents: [
    [a, 1],
    [b, 1],
  ],
});
export const subtract = (a: Real, b: Real): Real => ({
  value: a.value - b.value,
  parents: [
    [a, 1],
    [b, -1],
  ],
});
export const multiply = (a: Real, b: Real): Real => ({
  value: a.value * b.value,
  parents: [
    [a, b.value],
    [b, a.value],
  ],
});
export const scale = (a: Real, factor: number): Real => ({ value: a.value * factor, parents: [[a, factor]] });
export const exp = (a: Real): Real => ({ value: Math.exp(a.value), parents: [[a, Math.exp(a.value)]] });
export const log = (a: Real): Real => ({ value: Math.log(a.value), parents: [[a, 1 / a.value]] });
export const tanh = (a: Real): Real => ({ value: Math.tanh(a.value), parents: [[a, 1 - Math.tanh(a.value) ** 2]] });
export const square = (a: Real): Real => multiply(a, a);
export const sum = (terms: readonly Real[]): Real => ({
  value: terms.reduce((total, term) => total + term.value, 0),
  parents: terms.map((term) => [term, 1] as const),
});

/** a [n, k] times b [k, m]. */
export const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, column) => sum(row.map((x, k) => multiply(x, b[k]![column]!)))));

/** The derivatives of `result` with respect to each of `inputs`. */
export function derivatives(result: Real, inputs: Matrix): number[][] {
  const order: Real[] = [];
  const seen = new Set<Real>();
  const visit = (node: Real): void => {
    if (seen.has(node)) return;
    seen.add(node);
    for (const [parent] of node.parents) visit(parent);
    order.push(node);
  };
  visit(result);
  const gradient = new Map<Real, number>([[result, 1]]);
  for (const node of order.reverse())
    for (const [parent, local] of node.parents)
      gradient.set(parent, (gradient.get(parent) ?? 0) + local * gradient.get(node)!);
  return inputs.map((row) => row.map((x) => gradient.get(x) ?? 0));
}

/** log softmax(logits / temperature) of each row. */
export function logSoftmax(logits: Matrix, temperature: number): Matrix {
  return logits.map((row) => {
    const scaled = row.map((x) => scale(x, 1 / temperature));
    const largest = Math.max(...scaled.map((x) => x.value));
    const normaliser = log(sum(scaled.map((x) => exp(subtract(x, real(largest))))));
    return scaled.map((x) => subtract(subtract(x, real(largest)), normaliser));
  });
}

/** Mean over rows of -log softmax(logits)[label]. */
export function crossEntropy(logits: Matrix, labels: readonly number[]): Real {
  const logP = logSoftmax(logits, 1);
  return scale(sum(labels.map((label, row) => logP[row]![label]!)), -1 / labels.length);
}

export interface Distillation {
  loss: 'ce' | 'kl' | 'mse' | 'reverse-kl' | 'mse-probs';
  alpha: number;
  temperature: number;
  scale: number;
  mseTemperature: number;
}

/** KD(z_S, z_T) as the table of the specification defines it, unweighted. */
export function distillationLoss(settings: Distillation, student: Matrix, teacher: Matrix): Real {
  const { loss, temperature, scale: factor, mseTemperature } = settings;
  const rows = student.length;
  const classes = student[0]!.length;
  const logP = logSoftmax(student, temperature);
  const logQ = logSoftmax(teacher, temperature);
  const over = (f: (row: number, column: number) => Real): Real =>
    sum(student.flatMap((row, i) => row.map((_, j) => f(i, j))));
  switch (loss) {
    case 'ce':
      return scale(
        over((i, j) => multiply(exp(logQ[i]![j]!), logP[i]![j]!)),
        -factor / rows,
      );
    case 'kl':
      return scale(
        over((i, j) => multiply(exp(logQ[i]![j]!), subtract(logQ[i]![j]!, logP[i]![j]!))),
        factor / rows,
      );
    case 'reverse-kl':
      return scale(
        over((i, j) => multiply(exp(logP[i]![j]!), subtract(logP[i]![j]!, logQ[i]![j]!))),
        factor / rows,
      );
    case 'mse':
      return scale(
        over((i, j) => square(scale(subtract(student[i]![j]!, teacher[i]![j]!), 1 / mseTemperature))),
        factor / (rows * classes),
      );
    case 'mse-probs':
      return scale(
        over((i, j) => square(subtract(exp(logP[i]![j]!), exp(logQ[i]![j]!)))),
        factor / (rows * classes),
      );
  }
}

/** L = alpha KD + (1 - alpha) CE. */
export const studentLoss = (
  settings: Distillation,
  student: Matrix,
  teacher: Matrix,
  labels: readonly number[],
): Real =>
  add(
    scale(distillationLoss(settings, student, teacher), settings.alpha),
    scale(crossEntropy(student, labels), 1 - settings.alpha),
  );

/** |a - b| / |b| over all entries. */
export function relativeError(found: readonly number[], expected: readonly number[]): number {
  if (found.length !== expected.length) throw new Error(`${found.length} values against ${expected.length}`);
  const norm = (terms: number[]) => Math.sqrt(terms.reduce((total, term) => total + term * term, 0));
  return norm(expected.map((value, index) => found[index]! - value)) / norm([...expected]);
}
