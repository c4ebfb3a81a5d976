import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { differentiable } from './differentiable';

/** Row `indices[i]` of a table for every i. */
export interface Lookup {
  /** [rows, d] */
  table: Tensor2D;
  /** n row numbers, each 0 to rows - 1 */
  indices: Int32Array;
}

/**
 * The sum of one row of every table, [n, d]: a word embedding, or BERT's word + position + type. The gradient of a table
 * is dense and adds up rows that were looked up more than once.
 */
export function lookUpSum(lookups: readonly [Lookup, ...Lookup[]]): Tensor2D {
  return differentiable<string, Tensor2D>({
    name: 'lookUpSum',
    inputs: Object.fromEntries(lookups.map(({ table }, index) => [index, table])),
    forward: () => {
      const indices = lookups.map((lookup) => tf.tensor1d(lookup.indices, 'int32'));
      const rows = lookups.map(({ table }, index) => tf.gather(table, indices[index]!));
      return { output: rows.reduce((sum, row) => tf.add(sum, row)), saved: indices };
    },
    gradient: (dy, saved, needs) => {
      const dTables = lookups.map(({ table }, index): [string, Tensor2D | undefined] => [
        String(index),
        needs(String(index)) ? tf.unsortedSegmentSum(dy, saved[index] as Tensor1D, table.shape[0]) : undefined,
      ]);
      return Object.fromEntries(dTables);
    },
  });
}

/** Rows of a matrix, in the order of `indices`; the gradient of a row no index names is zero. */
export function selectRows(x: Tensor2D, indices: Int32Array): Tensor2D {
  return lookUpSum([{ table: x, indices }]);
}
