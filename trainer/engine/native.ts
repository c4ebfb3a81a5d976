import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { lstmKernel } from './kernels';
import { type NativeBackend, registerNativeKernels } from './native-kernels';

export type NativeStart =
  | { kind: 'started'; version: string; device: string; threads: number }
  | { kind: 'missing'; message: string };

/**
 * Starts TensorFlow through tfjs-node-gpu, where its addon loads. TensorFlow reads its environment when the library
 * is loaded, once a process: threads, log level and visible devices are set before that and cannot change later.
 *
 * @param threads for the work inside one operation
 * @param device `cpu` hides GPUs; otherwise one is used where there is one
 */
export async function startNative(threads: number, device: 'auto' | 'cpu' | 'gpu'): Promise<NativeStart> {
  process.env.TF_NUM_INTRAOP_THREADS = String(threads);
  process.env.TF_NUM_INTEROP_THREADS = '1';
  // 2: errors alone. The two lines about oneDNN heed nothing but turning it off, which costs a training step 10-20 %.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  if (device === 'cpu') process.env.CUDA_VISIBLE_DEVICES = '-1';
  // A resumed run has to end as the uninterrupted one would: no sums in the order in which GPU threads happen to come.
  process.env.TF_DETERMINISTIC_OPS ??= '1';
  // Take GPU memory as it is needed, not all of it at once: several runs may share a card.
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  try {
    // Not in the type checker's sight: the package is optional, and its types depend on the whole union.
    const addon: string = '@tensorflow/tfjs-node-gpu';
    await import(addon);
  } catch (error) {
    return { kind: 'missing', message: firstLine(error) };
  }
  const accepted = await tf.setBackend('tensorflow');
  if (!accepted || tf.getBackend() !== 'tensorflow') {
    return { kind: 'missing', message: `TensorFlow did not start (TensorFlow.js chose ${tf.getBackend()})` };
  }
  const backend = tf.backend() as unknown as NativeBackend;
  if (!tf.getKernel(lstmKernel, 'tensorflow')) registerNativeKernels();
  return {
    kind: 'started',
    version: backend.binding.TF_Version,
    device: backend.isUsingGpuDevice ? gpuName() : 'cpu',
    threads,
  };
}

/** Model of the first NVIDIA card as its driver tells it; the runtime itself gives no name. */
function gpuName(): string {
  const cards = '/proc/driver/nvidia/gpus';
  try {
    const information = readFileSync(join(cards, readdirSync(cards)[0] ?? '', 'information'), 'utf8');
    return /^Model:\s*(.+)$/m.exec(information)?.[1] ?? 'gpu';
  } catch {
    return 'gpu';
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
