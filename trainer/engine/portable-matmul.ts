import type { TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { PortableMemory } from './portable-memory';
import type { Threads } from './portable-threads';

interface Transposes {
  transposeA: boolean;
  transposeB: boolean;
}

/**
 * op(a) op(b) over broadcast batch dimensions, [..., m, k] x [..., k, n] -> [..., m, n].
 *
 * Stock wasm hands a single untransposed product to XNNPACK (30 GFLOPS) and everything else to a scalar loop (1-2
 * GFLOPS). Packing both sides makes the four transpose combinations and batches alike: 40 GFLOPS, 17-25 for
 * attention's small matrices (one core of a 2024 server; the layout is in `assembly/matmul.ts`).
 * @param threads that a single large product is divided among
 */
export function matMul(
  memory: PortableMemory,
  threads: Threads,
  a: TensorInfo,
  b: TensorInfo,
  attributes: Transposes,
): TensorInfo {
  if (a.dtype !== 'float32' || b.dtype !== 'float32') {
    throw new Error(`matMul takes float32 tensors on the portable engine, got ${a.dtype} and ${b.dtype}`);
  }
  const { transposeA, transposeB } = attributes;
  const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [n, inner] = transposeB ? [bRows, bColumns] : [bColumns, bRows];
  if (k !== inner) throw new Error(`matMul: inner sizes ${k} and ${inner} of [${a.shape}] and [${b.shape}] differ`);

  const batchShape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const out = memory.makeOutput([...batchShape, m, n]);
  if (tf.util.sizeFromShape(batchShape) === 1) {
    const at = { a: memory.offsetOf(a), b: memory.offsetOf(b), c: memory.offsetOf(out) };
    if (threads({ ...at, m, n, k, transposeA, transposeB })) return out;
  }
  const scratch = memory.scratch(memory.compiled.matMulScratchBytes(m, n, k));
  for (const run of batchRuns(a.shape.slice(0, -2), b.shape.slice(0, -2), batchShape)) {
    memory.compiled.matMul(
      memory.offsetOf(a) + 4 * run.a * m * k,
      memory.offsetOf(b) + 4 * run.b * k * n,
      memory.offsetOf(out) + 4 * run.out * m * n,
      ...[scratch, run.length, run.aStep * m * k, run.bStep * k * n],
      ...[m, n, k, Number(transposeA), Number(transposeB), 0],
    );
  }
  return out;
}

interface BatchRun {
  /** Index of the first matrix of each side. */
  a: number;
  b: number;
  out: number;
  length: number;
  /** Matrices from one product to the next: 0 where a side is repeated. */
  aStep: 0 | 1;
  bStep: 0 | 1;
}

/** One run where the sides agree or one is a single matrix; else a run of one product each. */
function batchRuns(aShape: number[], bShape: number[], outShape: number[]): BatchRun[] {
  const [aCount, bCount, length] = [aShape, bShape, outShape].map((shape) => tf.util.sizeFromShape(shape)) as number[];
  const whole = (count: number) => count === 1 || count === length;
  if (whole(aCount!) && whole(bCount!)) {
    return [{ a: 0, b: 0, out: 0, length: length!, aStep: aCount === 1 ? 0 : 1, bStep: bCount === 1 ? 0 : 1 }];
  }
  return Array.from({ length: length! }, (_, out) => ({
    ...{ a: broadcastIndex(out, outShape, aShape), b: broadcastIndex(out, outShape, bShape), out },
    ...{ length: 1, aStep: 0, bStep: 0 },
  }));
}

/** Which matrix of a batch of `shape` stands at flat index `out` of the broadcast batch. */
function broadcastIndex(out: number, outShape: number[], shape: number[]): number {
  let index = 0;
  let stride = 1;
  let rest = out;
  for (let axis = outShape.length - 1, own = shape.length - 1; own >= 0; axis--, own--) {
    const size = outShape[axis]!;
    if (shape[own] !== 1) index += (rest % size) * stride;
    stride *= shape[own]!;
    rest = Math.floor(rest / size);
  }
  return index;
}
