import type {
  NamedAttrMap,
  NamedTensorMap,
  Scalar,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor3D,
  Tensor4D,
  TensorInfo,
} from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Kernels that TensorFlow.js has no operation for, under the same names on every engine: `native.ts` backs them with
 * TensorFlow's own, `portable.ts` with its own. None of them is on the tape: call them inside `tf.customGrad`, and
 * compute every gradient in one go there (`lstmGradient` returns all three at once).
 */
export const lstmKernel = 'StillhouseLstm';
export const lstmGradientKernel = 'StillhouseLstmGradient';
export const adamKernel = 'StillhouseAdam';
export const halfSquaredNormKernel = 'StillhouseHalfSquaredNorm';
export const geluKernel = 'StillhouseGelu';
export const geluGradientKernel = 'StillhouseGeluGradient';
export const layerNormKernel = 'StillhouseLayerNorm';
export const layerNormGradientKernel = 'StillhouseLayerNormGradient';
export const addInPlaceKernel = 'StillhouseAddInPlace';
export const attentionKernel = 'StillhouseAttention';
export const attentionGradientKernel = 'StillhouseAttentionGradient';

/** What a kernel takes, by name. */
export type KernelInputs = Record<string, TensorInfo>;

/**
 * What the forward pass of an LSTM leaves behind for its gradient; every tensor is [t, b, u]. The caller owns all
 * seven. Gate order everywhere, in `weight` and `bias` too: input i, forget f, cell input c, output o (PyTorch and
 * Keras order their gates i, f, g, o, which is the same).
 */
export interface LstmTrace {
  inputGate: Tensor3D;
  cellState: Tensor3D;
  forgetGate: Tensor3D;
  outputGate: Tensor3D;
  /** tanh of the candidate. */
  cellInput: Tensor3D;
  /** tanh of the cell state. */
  cellOutput: Tensor3D;
  /** h_t = o_t * tanh(cell state). */
  hidden: Tensor3D;
}

export interface LstmGradient {
  /** [t, b, in] */
  input: Tensor3D;
  /** [in + u, 4u] */
  weight: Tensor2D;
  /** [4u] */
  bias: Tensor1D;
}

/** Order of the seven tensors as the kernels return and take them (TensorFlow's BlockLSTMV2). */
const traceOrder = [
  'inputGate',
  'cellState',
  'forgetGate',
  'outputGate',
  'cellInput',
  'cellOutput',
  'hidden',
] as const satisfies (keyof LstmTrace)[];

/**
 * One direction of an LSTM over a padded batch, from zero states:
 * [i f c o] = [x_t, h_{t-1}] W + bias; cs_t = sigmoid(f) cs_{t-1} + sigmoid(i) tanh(c); h_t = sigmoid(o) tanh(cs_t).
 *
 * It runs over the padding too. Right-padded sequences are right nonetheless as long as only positions before each
 * sequence's end are read (their gradient at the padding is then zero, and nothing flows back from there). For the
 * backward direction reverse every sequence within its own length first, best on the token ids.
 *
 * @param x [t, b, in], time first
 * @param weight [in + u, 4u]: rows of the input above rows of the hidden state
 * @param bias [4u]; PyTorch's two biases added together
 */
export function lstmForward(x: Tensor3D, weight: Tensor2D, bias: Tensor1D): LstmTrace {
  const outputs = runKernel(lstmKernel, { x, weight, bias });
  return Object.fromEntries(traceOrder.map((name, index) => [name, outputs[index]])) as unknown as LstmTrace;
}

/**
 * Gradient of `lstmForward` with respect to its three inputs.
 *
 * @param hiddenGradient [t, b, u]: dL/dh_t, zero at the padding
 */
export function lstmGradient(
  x: Tensor3D,
  weight: Tensor2D,
  bias: Tensor1D,
  trace: LstmTrace,
  hiddenGradient: Tensor3D,
): LstmGradient {
  const [input, weightGradient, biasGradient] = runKernel(lstmGradientKernel, {
    x,
    weight,
    bias,
    ...trace,
    hiddenGradient,
  });
  return { input, weight: weightGradient, bias: biasGradient } as LstmGradient;
}

/** Constants of one update of Adam; those of `optimizers.ts` with the bias corrections worked in. */
export interface AdamConstants {
  beta1: number;
  beta2: number;
  rate: number;
  epsilon: number;
  /** Of the weight, added to the gradient (Adam); 0: none. */
  gradientDecay: number;
  /** Factor of the weight (AdamW); 1: no decay. */
  keep: number;
}

/**
 * One update of Adam or AdamW of one weight, in one pass, where 12 operations would write eleven tensors of its size:
 *
 *     g <- g + gradientDecay theta;  m' = m + (g - m) (1 - beta1);  s' = s + (g² - s) (1 - beta2)
 *     theta' = keep theta - rate m' / (sqrt(s') + epsilon)
 *
 * The four tensors stay as they are. beta1 and beta2 count as float32, and so does what is left of them to 1.
 */
export function adamUpdate(
  inputs: { weight: Tensor; gradient: Tensor; meanGradient: Tensor; meanSquare: Tensor },
  constants: AdamConstants,
): { weight: Tensor; meanGradient: Tensor; meanSquare: Tensor } {
  const [weight, meanGradient, meanSquare] = runKernel(adamKernel, inputs, { ...constants });
  return { weight: weight!, meanGradient: meanGradient!, meanSquare: meanSquare! };
}

/** Half the sum of the squares of all elements, without writing the squares. */
export function halfSquaredNorm(x: Tensor): Scalar {
  return runKernel(halfSquaredNormKernel, { x }) as unknown as Scalar;
}

/**
 * x + y in the memory of x, which nothing else may read: x is to be used no more. What a product is added to, its bias above all,
 * would else cost another tensor of its size.
 *
 * @param y of the shape of x, or of its rows
 */
export function addInPlace(x: Tensor2D, y: Tensor2D | Tensor1D): Tensor2D {
  return runKernel(addInPlaceKernel, { x, y }) as unknown as Tensor2D;
}

/** x Phi(x), Phi the normal distribution function by erf; any shape. */
export function geluForward<T extends Tensor>(x: T): T {
  return runKernel(geluKernel, { x }) as unknown as T;
}

/** dy (Phi(x) + x phi(x)) */
export function geluGradient<T extends Tensor>(x: T, dy: T): T {
  return runKernel(geluGradientKernel, { x, dy }) as unknown as T;
}

export interface LayerNormOutputs {
  /** gamma * normal + beta, [n, d] */
  output: Tensor2D;
  /** (s - mean) / sqrt(variance + epsilon), [n, d] */
  normal: Tensor2D;
  /** 1 / sqrt(variance + epsilon), [n, 1] */
  inverseDeviation: Tensor2D;
}

/**
 * Rows of s = x + residual, brought to mean 0 and variance 1 each by itself.
 *
 * @param x [n, d]
 * @param residual [n, d]; null: none
 * @param gamma [d]
 * @param beta [d]
 */
export function layerNormForward(
  x: Tensor2D,
  residual: Tensor2D | null,
  gamma: Tensor1D,
  beta: Tensor1D,
  epsilon: number,
): LayerNormOutputs {
  const inputs: Record<string, Tensor> = residual === null ? { x, gamma, beta } : { x, residual, gamma, beta };
  const [output, normal, inverseDeviation] = runKernel(layerNormKernel, inputs, { epsilon });
  return { output, normal, inverseDeviation } as LayerNormOutputs;
}

/** dL/ds [n, d] from dL/doutput and what `layerNormForward` left. */
export function layerNormGradient(
  dy: Tensor2D,
  { normal, inverseDeviation }: Omit<LayerNormOutputs, 'output'>,
  gamma: Tensor1D,
): Tensor2D {
  return runKernel(layerNormGradientKernel, { dy, normal, inverseDeviation, gamma }) as unknown as Tensor2D;
}

export interface AttentionKernelInputs {
  /** [m, d] */
  query: Tensor2D;
  /** [n, d] */
  key: Tensor2D;
  /** [n, d] */
  value: Tensor2D;
  /** Keys and values before those of every sequence, [p, d]; null: none. */
  prefixKey: Tensor2D | null;
  prefixValue: Tensor2D | null;
  /** First query, queries, first key and keys of each sequence, int32 [b, 4]. */
  places: Tensor2D;
  /** Factors of the probabilities, [b, heads, most queries, p + most keys]; null: none. */
  dropout: Tensor4D | null;
}

/** Whether this engine computes attention of sequences of any lengths by a kernel of its own; a GPU does not. */
export const hasAttentionKernel = (): boolean => tf.getKernel(attentionKernel, tf.getBackend()) != null;

/**
 * softmax(q k^T / sqrt(d/heads)) v, each sequence by itself, heads side by side.
 *
 * @returns context [m, d], 0 in rows of no sequence, and the probabilities, for the gradient alone
 */
export function attentionForward(
  inputs: AttentionKernelInputs,
  heads: number,
): { context: Tensor2D; probabilities: Tensor1D } {
  const [context, probabilities] = runKernel(attentionKernel, present(inputs), { heads });
  return { context, probabilities } as { context: Tensor2D; probabilities: Tensor1D };
}

/** Gradients of what was given from dL/dcontext [m, d]; those of a prefix are sums over the sequences. */
export function attentionGradient(
  dContext: Tensor2D,
  inputs: AttentionKernelInputs,
  probabilities: Tensor1D,
  heads: number,
): { query: Tensor2D; key: Tensor2D; value: Tensor2D; prefixKey?: Tensor2D; prefixValue?: Tensor2D } {
  const given = { dContext, ...present(inputs), probabilities };
  const [query, key, value, prefixKey, prefixValue] = runKernel(attentionGradientKernel, given, {
    heads,
  }) as Tensor2D[];
  return { query: query!, key: key!, value: value!, prefixKey, prefixValue };
}

const present = (inputs: object): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(inputs).filter(([, tensor]) => tensor !== null));

function runKernel(name: string, inputs: Record<string, Tensor>, attributes: NamedAttrMap = {}): Tensor[] {
  if (!tf.getKernel(name, tf.getBackend())) {
    throw new Error(`Kernel ${name} is not registered for backend ${tf.getBackend()}: call startEngine first`);
  }
  return tf.engine().runKernel(name, inputs as unknown as NamedTensorMap, attributes) as Tensor[];
}

/** The seven trace tensors in kernel order, for the engines' implementations. */
export function traceTensors<T extends TensorInfo>(inputs: Record<(typeof traceOrder)[number], T>): T[] {
  return traceOrder.map((name) => inputs[name]);
}
