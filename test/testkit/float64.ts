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
export const sqrt = (a: Real): Real => ({ value: Math.sqrt(a.value), parents: [[a, 0.5 / Math.sqrt(a.value)]] });
export const divide = (a: Real, b: Real): Real => ({
  value: a.value / b.value,
  parents: [
    [a, 1 / b.value],
    [b, -a.value / b.value ** 2],
  ],
});
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
  loss: 'ce' | 'kl' | 'mse' | 'reverse-kl' | 'mse-probs' | 'dkd' | 'dist' | 'logit-std' | 'dixtill-kl';
  alpha: number;
  temperature: number;
  scale: number;
  mseTemperature: number;
  decoupled: { target: number; nonTarget: number };
  relations: { inter: number; intra: number };
}

/** KD(z_S, z_T) as the table in docs/methods.md defines it, unweighted. */
export function distillationLoss(
  settings: Distillation,
  student: Matrix,
  teacher: Matrix,
  labels: readonly number[],
): Real {
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
    case 'dkd':
      return scale(decoupled(settings, student, teacher, labels), factor / rows);
    case 'dist':
      return scale(relations(settings, mapAll(logP, exp), mapAll(logQ, exp)), factor);
    case 'logit-std':
      return distillationLoss(
        { ...settings, loss: 'kl' },
        student.map(standardised),
        teacher.map(standardised),
        labels,
      );
    case 'dixtill-kl': {
      const k = distillationLoss({ ...settings, loss: 'kl' }, student, teacher, labels);
      return subtract(real(1), exp(scale(k, -1)));
    }
  }
}

const mapAll = (rows: Matrix, f: (x: Real) => Real): Matrix => rows.map((row) => row.map(f));
const meanOf = (terms: readonly Real[]): Real => scale(sum(terms), 1 / terms.length);
const kl = (q: readonly Real[], p: readonly Real[]): Real =>
  sum(q.map((of, index) => multiply(of, subtract(log(of), log(p[index]!)))));

/** DKD, summed over rows, by its definition: probabilities of target and rest, and a softmax without the target. */
function decoupled(
  { temperature, decoupled: { target: a, nonTarget: b } }: Distillation,
  student: Matrix,
  teacher: Matrix,
  labels: readonly number[],
): Real {
  const terms = labels.map((label, row) => {
    const parts = [student, teacher].map((logits) => {
      const p = logSoftmax([logits[row]!], temperature)[0]!.map(exp)[label]!;
      const others = logSoftmax([logits[row]!.filter((_, column) => column !== label)], temperature)[0]!.map(exp);
      return { binary: [p, subtract(real(1), p)], others };
    });
    const [p, q] = parts as [(typeof parts)[0], (typeof parts)[0]];
    return add(scale(kl(q.binary, p.binary), a), scale(kl(q.others, p.others), b));
  });
  return sum(terms);
}

/** DIST by its definition: Pearson correlations of rows and of columns. */
function relations({ relations: { inter, intra } }: Distillation, p: Matrix, q: Matrix): Real {
  const columns = (rows: Matrix): Matrix => rows[0]!.map((_, column) => rows.map((row) => row[column]!));
  const distance = (xs: Matrix, ys: Matrix) =>
    subtract(real(1), meanOf(xs.map((x, index) => correlation(x, ys[index]!))));
  return add(scale(distance(p, q), inter), scale(distance(columns(p), columns(q)), intra));
}

export function correlation(x: readonly Real[], y: readonly Real[]): Real {
  const centred = (of: readonly Real[]) => of.map((value) => subtract(value, meanOf(of)));
  const product = (a: readonly Real[], b: readonly Real[]) => sum(a.map((value, index) => multiply(value, b[index]!)));
  const [cx, cy] = [centred(x), centred(y)];
  return divide(product(cx, cy), sqrt(multiply(product(cx, cx), product(cy, cy))));
}

function standardised(row: readonly Real[]): Real[] {
  const centred = row.map((value) => subtract(value, meanOf(row)));
  const deviation = sqrt(meanOf(centred.map(square)));
  return centred.map((value) => divide(value, deviation));
}

/** L = alpha KD + (1 - alpha) CE. */
export const studentLoss = (
  settings: Distillation,
  student: Matrix,
  teacher: Matrix,
  labels: readonly number[],
): Real =>
  add(
    scale(distillationLoss(settings, student, teacher, labels), settings.alpha),
    scale(crossEntropy(student, labels), 1 - settings.alpha),
  );

/** |a - b| / |b| over all entries. */
export function relativeError(found: readonly number[], expected: readonly number[]): number {
  if (found.length !== expected.length) throw new Error(`${found.length} values against ${expected.length}`);
  const norm = (terms: number[]) => Math.sqrt(terms.reduce((total, term) => total + term * term, 0));
  return norm(expected.map((value, index) => found[index]! - value)) / norm([...expected]);
}
