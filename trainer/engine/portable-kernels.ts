import type { KernelFunc, NamedAttrMap, Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  type AdamConstants,
  adamKernel,
  addInPlaceKernel,
  attentionGradientKernel,
  attentionKernel,
  geluGradientKernel,
  geluKernel,
  halfSquaredNormKernel,
  type KernelInputs as Inputs,
  layerNormGradientKernel,
  layerNormKernel,
  lstmGradientKernel,
  lstmKernel,
  traceTensors,
} from './kernels';
import { matMul } from './portable-matmul';
import { openPortableMemory, type PortableMemory, type WasmBackend } from './portable-memory';
import { openThreads, type Threads } from './portable-threads';

type Implementation = (inputs: Inputs, attributes: NamedAttrMap, stock: () => TensorInfo) => TensorInfo | TensorInfo[];

/**
 * Puts the compiled kernels in the place of those that the wasm backend lacks or computes slowly. Call it once the
 * backend runs: the stock kernels, which stay in use for other types and axes, are set up only then.
 * @param threadCount for large products
 */
export function registerPortableKernels(threadCount: number): void {
  if (tf.getKernel(lstmKernel, 'wasm')) return;
  const memory = openPortableMemory(tf.backend() as unknown as WasmBackend);
  const threads = openThreads(memory, threadCount);
  const kernels: Record<string, Implementation> = {
    [tf.BatchMatMul]: ({ a, b }, attributes) => matMul(memory, threads, a!, b!, attributes as never),
    [tf._FusedMatMul]: (inputs, attributes) => fusedMatMul(memory, threads, inputs, attributes),
    [tf.GatherV2]: (inputs, attributes, stock) => gather(memory, inputs, attributes, stock),
    [tf.UnsortedSegmentSum]: (inputs, attributes) => segmentSum(memory, inputs, attributes),
    [tf.Sum]: (inputs, attributes, stock) => sum(memory, inputs, attributes, stock),
    [tf.Identity]: ({ x }) => share(x!),
    [tf.Exp]: ({ x }, _, stock) => (x!.dtype === 'float32' ? elementwise(memory, 'exp', x!) : stock()),
    [tf.Tanh]: ({ x }, _, stock) => (x!.dtype === 'float32' ? elementwise(memory, 'tanh', x!) : stock()),
    [tf.Erf]: ({ x }, _, stock) => (x!.dtype === 'float32' ? elementwise(memory, 'erf', x!) : stock()),
    [lstmKernel]: (inputs) => lstm(memory, inputs),
    [lstmGradientKernel]: (inputs) => lstmGradient(memory, inputs),
    [halfSquaredNormKernel]: ({ x }) => tf.tidy(() => tf.mul(tf.sum(tf.square(x as Tensor)), 0.5)),
    [adamKernel]: (inputs, attributes) => adam(memory, inputs, attributes as unknown as AdamConstants),
    [geluKernel]: ({ x }) => elementwise(memory, 'gelu', x!),
    [geluGradientKernel]: ({ x, dy }) => elementwise(memory, 'geluGradient', x!, dy!),
    [layerNormKernel]: (inputs, { epsilon }) => layerNorm(memory, inputs, epsilon as number),
    [layerNormGradientKernel]: (inputs) => layerNormGradient(memory, inputs),
    [addInPlaceKernel]: (inputs) => addInPlace(memory, inputs),
    [attentionKernel]: (inputs, { heads }) => attention(memory, inputs, heads as number),
    [attentionGradientKernel]: (inputs, { heads }) => attentionGradient(memory, inputs, heads as number),
  };
  for (const [name, implementation] of Object.entries(kernels)) replaceKernel(name, implementation);
}

function replaceKernel(kernelName: string, implementation: Implementation): void {
  const backendName = 'wasm';
  const stock = tf.getKernel(kernelName, backendName);
  const kernelFunc: KernelFunc = (parameters) => {
    const inputs = parameters.inputs as unknown as Inputs;
    return implementation(inputs, parameters.attrs as NamedAttrMap, () => stock.kernelFunc(parameters) as TensorInfo);
  };
  if (stock) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ kernelName, backendName, kernelFunc });
}

/** Stock is wrong for batches with a bias; activations other than none and relu are not taken. */
function fusedMatMul(
  memory: PortableMemory,
  threads: Threads,
  { a, b, bias }: Inputs,
  attributes: NamedAttrMap,
): TensorInfo {
  const { activation } = attributes;
  if (activation !== 'linear' && activation !== 'relu') {
    throw new Error(`Fused matMul with ${activation} is not available on the portable engine: apply it afterwards`);
  }
  const backend = tf.backend();
  let out = matMul(memory, threads, a!, b!, attributes as never);
  const then = (kernelName: string, inputs: Inputs) => {
    const next = tf.getKernel(kernelName, 'wasm').kernelFunc({ inputs: inputs as never, backend, attrs: {} });
    backend.disposeData(out.dataId);
    out = next as TensorInfo;
  };
  if (bias) then(tf.Add, { a: out, b: bias });
  if (activation === 'relu') then(tf.Relu, { x: out });
  return out;
}

/** x [rows, ...], ids [...] -> [...ids, ...]: rows are copied whole, 40 times faster than stock at [512, 384]. */
function gather(memory: PortableMemory, inputs: Inputs, attributes: NamedAttrMap, stock: () => TensorInfo): TensorInfo {
  const { x, indices } = inputs as { x: TensorInfo; indices: TensorInfo };
  const axis = tf.util.parseAxisParam(attributes.axis as number, x.shape)[0];
  if (axis !== 0 || attributes.batchDims !== 0 || x.dtype === 'bool' || indices.dtype !== 'int32') return stock();
  const [rows, ...rest] = x.shape as [number, ...number[]];
  const count = tf.util.sizeFromShape(indices.shape);
  const out = memory.makeOutput([...indices.shape, ...rest], x.dtype);
  const offsets = [x, indices, out].map(memory.offsetOf);
  const bad = memory.compiled.gatherRows(...offsets, rows, tf.util.sizeFromShape(rest), count);
  if (bad >= 0) throw new Error(`gather: index ${bad} of ${count} points outside the ${rows} rows of [${x.shape}]`);
  return out;
}

/** x [...ids, ...], ids [...] -> [numSegments, ...]; the gradient of gather, which stock lacks. */
function segmentSum(memory: PortableMemory, { x, segmentIds }: Inputs, attributes: NamedAttrMap): TensorInfo {
  const segments = attributes.numSegments as number;
  const rest = x!.shape.slice(segmentIds!.shape.length);
  const count = tf.util.sizeFromShape(segmentIds!.shape);
  const out = memory.makeOutput([segments, ...rest]);
  const offsets = [x!, segmentIds!, out].map(memory.offsetOf);
  memory.compiled.segmentSum(...offsets, segments, tf.util.sizeFromShape(rest), count);
  return out;
}

/** Sums over the leading axes row by row; stock transposes first (8 ms against 0.2 at [512, 1536]). */
function sum(memory: PortableMemory, { x }: Inputs, attributes: NamedAttrMap, stock: () => TensorInfo): TensorInfo {
  const shape = x!.shape;
  const axes = tf.util.parseAxisParam(attributes.axis as number[], shape).sort((left, right) => left - right);
  const leading = axes.every((axis, index) => axis === index) && axes.length > 0 && axes.length < shape.length;
  if (!leading || x!.dtype !== 'float32') return stock();
  const rest = shape.slice(axes.length);
  const out = memory.makeOutput(attributes.keepDims ? [...axes.map(() => 1), ...rest] : rest);
  const rows = tf.util.sizeFromShape(shape.slice(0, axes.length));
  memory.compiled.sumRows(memory.offsetOf(x!), memory.offsetOf(out), rows, tf.util.sizeFromShape(rest));
  return out;
}

/** Stock copies, and with it every tensor that the tape saves. */
function share(x: TensorInfo): TensorInfo {
  tf.backend().incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
}

/** Four lanes at a time; stock calls the scalar C function (6 to 16 ms against 1 to 2 at [512, 1536]). */
function elementwise(
  memory: PortableMemory,
  name: 'exp' | 'tanh' | 'erf' | 'gelu' | 'geluGradient',
  ...inputs: [TensorInfo, ...TensorInfo[]]
): TensorInfo {
  const { shape } = inputs[0];
  const out = memory.makeOutput(shape);
  memory.compiled[name](...[...inputs, out].map(memory.offsetOf), tf.util.sizeFromShape(shape));
  return out;
}

function lstm(memory: PortableMemory, { x, weight, bias }: Inputs): TensorInfo[] {
  const sizes = lstmSizes(x!, bias!);
  const trace = Array.from({ length: 7 }, () => memory.makeOutput([sizes[0], sizes[1], sizes[3]]));
  const offsets = [x!, weight!, bias!, ...trace].map(memory.offsetOf);
  memory.compiled.lstm(...offsets, memory.scratch(memory.compiled.lstmScratchBytes(...sizes)), ...sizes);
  return trace;
}

function lstmGradient(memory: PortableMemory, inputs: Inputs): TensorInfo[] {
  const { x, weight, bias, hiddenGradient } = inputs as Record<'x' | 'weight' | 'bias' | 'hiddenGradient', TensorInfo>;
  const sizes = lstmSizes(x, bias);
  const gradients = [x, weight, bias].map((tensor) => memory.makeOutput(tensor.shape));
  const trace = traceTensors(inputs as Parameters<typeof traceTensors>[0]);
  const offsets = [x, weight, ...trace, hiddenGradient, ...gradients].map(memory.offsetOf);
  memory.compiled.lstmGradient(...offsets, memory.scratch(memory.compiled.lstmScratchBytes(...sizes)), ...sizes);
  return gradients;
}

/** Steps, batch, inputs, units. */
function lstmSizes(x: TensorInfo, bias: TensorInfo): [number, number, number, number] {
  const [steps, batch, inputs] = x.shape as [number, number, number];
  return [steps, batch, inputs, bias.shape[0]! / 4];
}

function adam(memory: PortableMemory, inputs: Inputs, constants: AdamConstants): TensorInfo[] {
  const { weight, gradient, meanGradient, meanSquare } = inputs as Record<string, TensorInfo>;
  const read = [weight!, gradient!, meanGradient!, meanSquare!];
  const written = Array.from({ length: 3 }, () => memory.makeOutput(weight!.shape));
  const { beta1, beta2, rate, epsilon, gradientDecay, keep } = constants;
  memory.compiled.adam(
    ...[...read, ...written].map(memory.offsetOf),
    tf.util.sizeFromShape(weight!.shape),
    ...[1 - Math.fround(beta1), 1 - Math.fround(beta2), rate, epsilon, gradientDecay, keep],
  );
  return written;
}

function layerNorm(memory: PortableMemory, { x, residual, gamma, beta }: Inputs, epsilon: number): TensorInfo[] {
  const [rows, width] = x!.shape as [number, number];
  const written = [memory.makeOutput([rows, width]), memory.makeOutput([rows, width]), memory.makeOutput([rows, 1])];
  const added = residual === undefined ? 0 : memory.offsetOf(residual);
  const [from, ...offsets] = [x!, gamma!, beta!, ...written].map(memory.offsetOf);
  memory.compiled.layerNorm(from!, added, ...offsets, rows, width, epsilon);
  return written;
}

function layerNormGradient(memory: PortableMemory, inputs: Inputs): TensorInfo {
  const { dy, normal, inverseDeviation, gamma } = inputs as Record<string, TensorInfo>;
  const [rows, width] = dy!.shape as [number, number];
  const out = memory.makeOutput([rows, width]);
  const offsets = [dy!, normal!, inverseDeviation!, gamma!, out].map(memory.offsetOf);
  memory.compiled.layerNormGradient(...offsets, rows, width);
  return out;
}

function addInPlace(memory: PortableMemory, { x, y }: Inputs): TensorInfo {
  const [size, width] = [x!, y!].map(({ shape }) => tf.util.sizeFromShape(shape)) as [number, number];
  memory.compiled.addRows(memory.offsetOf(x!), memory.offsetOf(y!), size / width, width);
  return share(x!);
}

function attention(memory: PortableMemory, inputs: Inputs, heads: number): TensorInfo[] {
  const { offsets, sizes, scratch } = attentionParameters(memory, inputs, heads);
  const [sequences, , , prefix] = sizes;
  const places = memory.offsetOf(inputs.places!);
  const probabilities = memory.compiled.attentionProbabilities(places, sequences, heads, prefix);
  const written = [memory.makeOutput(inputs.query!.shape), memory.makeOutput([probabilities])];
  memory.compiled.attention(...offsets, ...written.map(memory.offsetOf), scratch, ...sizes);
  return written;
}

function attentionGradient(memory: PortableMemory, inputs: Inputs, heads: number): TensorInfo[] {
  const { dContext, query, key, value, prefixKey, prefixValue, probabilities } = inputs;
  const { offsets, sizes, scratch } = attentionParameters(memory, inputs, heads);
  const given = [query, key, value, prefixKey, prefixValue].filter((tensor) => tensor !== undefined);
  const written = given.map(({ shape }) => memory.makeOutput(shape));
  const [dQuery, dKey, dValue, dPrefixKey = 0, dPrefixValue = 0] = written.map(memory.offsetOf);
  memory.compiled.attentionGradient(
    ...[memory.offsetOf(dContext!), ...offsets, memory.offsetOf(probabilities!)],
    ...[dQuery!, dKey!, dValue!, dPrefixKey, dPrefixValue, scratch, ...sizes, key!.shape[0]!],
  );
  return written;
}

/** What attention and its gradient take alike. */
function attentionParameters(memory: PortableMemory, inputs: Inputs, heads: number) {
  const { query, key, value, prefixKey, prefixValue, places, dropout } = inputs;
  const given = [query, key, value, prefixKey, prefixValue, places, dropout];
  const [sequences, width, prefix] = [places!.shape[0]!, key!.shape[1]! / heads, prefixKey?.shape[0] ?? 0];
  const [, , dropoutQueries = 0, dropoutKeys = 0] = dropout?.shape ?? [];
  const scratchBytes = memory.compiled.attentionScratchBytes(memory.offsetOf(places!), sequences, width, prefix);
  return {
    offsets: given.map((tensor) => (tensor ? memory.offsetOf(tensor) : 0)),
    sizes: [sequences, heads, width, prefix, dropoutQueries, dropoutKeys, query!.shape[0]!] as const,
    scratch: memory.scratch(scratchBytes),
  };
}
