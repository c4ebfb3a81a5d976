import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import type { Checked } from '../../contract/run-spec';
import type { Weights } from '../numeric/weights';
import { multiplyByConstant } from '../ops/multiply-by-constant';
import type { Model } from './model';
import { type ModelFiles, readText } from './model-files';

/** File in the folder of a pruned model: which of its matrices keep their zeros. */
export const pruningFile = 'pruning.json';
const pruningSchema = z.strictObject({ version: z.literal(1), sparseMatrices: z.array(z.string()) });

/** Names of the matrices of a stored model that keep their zeros; none for a model that was not pruned. */
export async function readSparseMatrices(files: ModelFiles): Promise<Checked<string[]>> {
  const text = await readText(files, pruningFile);
  if (text === null) return { kind: 'valid', value: [] };
  try {
    return { kind: 'valid', value: pruningSchema.parse(JSON.parse(text)).sparseMatrices };
  } catch (error) {
    const message = `${files.location}/${pruningFile} cannot be read: ${(error as Error).message}`;
    return { kind: 'invalid', problems: [{ path: pruningFile, message }] };
  }
}

/** A model that is saved with the names of the matrices whose zeros are kept. */
export const savedAsSparse = (model: Model, sparseMatrices: readonly string[]): Model => ({
  ...model,
  save: async (weights) => ({
    ...(await model.save(weights)),
    [pruningFile]: `${JSON.stringify({ version: 1, sparseMatrices }, null, 2)}\n`,
  }),
});

/**
 * A model in which weights that are 0 stay 0: every pass multiplies the matrices by the mask of their present zeros, so that no
 * gradient reaches a pruned weight, and no optimizer moves what is 0 and has none.
 */
export function keepZeros(model: Model, weights: Weights, sparseMatrices: readonly string[]): Model {
  if (sparseMatrices.length === 0) return model;
  // Kept for as long as the model is: a mask is made once.
  const masks = sparseMatrices.flatMap((name) => {
    const weight = weights[name];
    return weight === undefined
      ? []
      : [[name, tf.keep(tf.tidy(() => tf.cast(tf.notEqual(weight, 0), 'float32')))] as const];
  });
  const masked = (of: Weights): Weights => {
    const changed = masks.flatMap(([name, mask]) => {
      const weight = of[name];
      return weight === undefined ? [] : [[name, multiplyByConstant(weight, mask)] as const];
    });
    return { ...of, ...Object.fromEntries(changed) };
  };
  return {
    ...savedAsSparse(model, sparseMatrices),
    logits: (inputs, options) => {
      const logits = model.logits(inputs, options);
      const { tangent } = logits;
      return Object.assign((of: Weights) => logits(masked(of)), {
        ...(tangent && { tangent: (of: Weights, direction: Weights) => tangent(masked(of), masked(direction)) }),
      });
    },
    states: (inputs, options) => {
      const states = model.states(inputs, options);
      return (of) => states(masked(of));
    },
    statesEntering: (of, inputs, layer) => model.statesEntering(masked(of), inputs, layer),
    embedded: (of) => model.embedded(masked(of)),
  };
}
