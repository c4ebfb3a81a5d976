import * as tf from '@tensorflow/tfjs-core';
import { float32Values, readSafetensors, writeSafetensors } from '../checkpoint/safetensors';
import type { Weights } from '../numeric/weights';

/** Weights as a safetensors file, read back from the device. */
export async function packWeights(weights: Weights): Promise<Uint8Array> {
  const tensors: Record<string, { shape: number[]; values: Float32Array }> = {};
  for (const [name, tensor] of Object.entries(weights))
    tensors[name] = { shape: tensor.shape, values: (await tensor.data()) as Float32Array };
  return writeSafetensors(tensors);
}

/** The inverse of `packWeights`, for files whose content was verified: what cannot be read is a fault of ours. */
export function unpackWeights(body: Uint8Array): Weights {
  const file = readSafetensors(body, 'checkpoint');
  if (file.kind === 'invalid') throw new Error(file.problems.map(({ message }) => message).join('\n'));
  const tensors = [...file.value.tensors].map(([name, stored]) => [
    name,
    tf.tensor(float32Values(stored)!, stored.shape, 'float32'),
  ]);
  return Object.fromEntries(tensors);
}
