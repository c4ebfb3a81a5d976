import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import { PortableMemoryError } from './out-of-memory';

/** TypeScript declares WebAssembly with the browser's library alone. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: { env: { memory: object } }) => { exports: object };
};

/** The part of tfjs-backend-wasm that kernels stand on (`backend_wasm.d.ts`, and Emscripten's module behind it). */
export interface WasmBackend {
  wasm: { asm: { memory: { buffer: ArrayBuffer } }; _malloc(bytes: number): number; _free(offset: number): void };
  dataIdMap: { get(dataId: object): { memoryOffset: number } };
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  disposeData(dataId: object): boolean;
}

/** What `assembly/index.ts` exports; every argument is a byte offset or a count, flags are 0 or 1. */
export type CompiledKernels = Record<
  | ('matMul' | 'matMulRows' | 'matMulScratchBytes' | 'lstm' | 'lstmGradient' | 'lstmScratchBytes')
  | ('exp' | 'tanh' | 'erf' | 'gatherRows' | 'segmentSum' | 'sumRows' | 'adam')
  | ('gelu' | 'geluGradient' | 'layerNorm' | 'layerNormGradient')
  | ('addRows' | 'attention' | 'attentionGradient' | 'attentionProbabilities' | 'attentionScratchBytes'),
  (...parameters: number[]) => number
>;

/** The compiled kernels on one backend's memory, and the scratch they share: kernels run one at a time. */
export interface PortableMemory {
  compiled: CompiledKernels;
  offsetOf(tensor: TensorInfo): number;
  makeOutput(shape: number[], dtype?: DataType): TensorInfo;
  /** What lies at an offset, until memory is taken again. */
  floats(offset: number, length: number): Float32Array;
  /** Offset of at least so many bytes, valid until the next call. */
  scratch(bytes: number): number;
}

export function openPortableMemory(backend: WasmBackend): PortableMemory {
  const module = new WebAssembly.Module(readFileSync(join(__dirname, 'assembly', 'kernels.wasm')));
  const instance = new WebAssembly.Instance(module, { env: { memory: backend.wasm.asm.memory } });
  refuseWhatCannotBeHad(backend);
  let scratchOffset = 0;
  let scratchBytes = 0;
  return {
    compiled: instance.exports as CompiledKernels,
    offsetOf: (tensor) => backend.dataIdMap.get(tensor.dataId).memoryOffset,
    makeOutput: (shape, dtype = 'float32') => backend.makeOutput(shape, dtype),
    floats: (offset, length) => new Float32Array(backend.wasm.asm.memory.buffer, offset, length),
    scratch(bytes) {
      if (bytes > scratchBytes) {
        if (scratchOffset) backend.wasm._free(scratchOffset);
        scratchOffset = backend.wasm._malloc(bytes) >>> 0;
        scratchBytes = bytes;
      }
      return scratchOffset;
    },
  };
}

/** The stock backend takes the 0 of a failed allocation for an address, and writes over whatever lies there. */
function refuseWhatCannotBeHad({ wasm }: WasmBackend): void {
  // Emscripten puts the compiled function in its own place when it is first called.
  wasm._free(wasm._malloc(1));
  const allocate = wasm._malloc;
  wasm._malloc = (bytes) => {
    const offset = bytes < 2 ** 32 ? allocate(bytes) : 0;
    if (offset === 0 && bytes > 0) throw new PortableMemoryError(bytes);
    return offset;
  };
}
