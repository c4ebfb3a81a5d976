import { dirname } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { registerPortableKernels } from './portable-kernels';

export type PortableStart = { kind: 'started'; version: string } | { kind: 'failed'; message: string };

/**
 * Starts the WebAssembly backend that npm alone can install, with the kernels it lacks or computes slowly replaced.
 * @param threads for large matrix products, its own among them; all else is computed on one
 */
export async function startPortable(threads: number): Promise<PortableStart> {
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  // The union package is what registers gradients; core on its own has none.
  await import('@tensorflow/tfjs');
  wasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  // setBackend falls back in silence elsewhere: only its answer and the name in force say what runs.
  const accepted = await tf.setBackend('wasm');
  if (!accepted || tf.getBackend() !== 'wasm') {
    return {
      kind: 'failed',
      message: `the WebAssembly backend did not start (TensorFlow.js chose ${tf.getBackend()})`,
    };
  }
  registerPortableKernels(threads);
  return { kind: 'started', version: tf.version_core };
}
