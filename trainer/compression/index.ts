import * as tf from '@tensorflow/tfjs-core';
import type { CompressionName } from '../../contract/methods';
import type { Learner } from '../methods/method';
import type { Model } from '../models/model';
import type { Weights } from '../numeric/weights';
import type { Compression } from './compression';
import { pruneByMagnitude } from './magnitude';

/** The matrices of all layers: embeddings, norms, biases and the head are left as they are. */
const layerMatrices = ({ layers }: Model) =>
  layers
    .flatMap(({ matrices }) => Object.values(matrices))
    .map((matrix) => ({ ...matrix, weight: `${matrix.name}.weight` }));

/** One-shot pruning by magnitude, in one step. */
const magnitude: Compression = {
  steps: () => 1,
  sparseMatrices: (model) => layerMatrices(model).map(({ weight }) => weight),
  create: ({ parameters: { sparsity, pruningScope }, model }) => ({
    begin: ({ student }) => ({ student: untrained(student), teacher: null, pilot: null }),
    step: ({ student }) => {
      const { weights } = student!;
      const matrices = layerMatrices(model);
      const values = matrices.map(({ weight }) => weights[weight]!.dataSync() as Float32Array);
      const pruned = pruneByMagnitude(
        matrices.map((matrix, index) => ({ ...matrix, values: values[index]! })),
        sparsity,
        pruningScope,
      );
      const changed = Object.fromEntries(
        matrices.map(({ weight, shape }, index) => [weight, tf.tensor(pruned[index]!, [...shape])]),
      );
      const kept = Object.fromEntries(
        Object.entries(weights).map(([name, weight]) => [name, changed[name] ?? tf.clone(weight)]),
      );
      return { state: { student: untrained(kept), teacher: null, pilot: null }, figures: {} };
    },
  }),
};

/** Weights that no optimizer moves. */
function untrained(weights: Weights | null): Learner {
  if (weights === null) throw new Error('a compression needs the weights of a model');
  return { weights, optimizer: { step: 0, slots: {} } };
}

/** The compressions by name; `contract/methods.ts` describes each for users. */
export const compressions: Readonly<Record<CompressionName, Compression>> = { magnitude };
