import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';

/** Named tensors of a model, or of the part of it that learns. Gradients and optimizer slots bear the same names. */
export type Weights = Readonly<Record<string, Tensor>>;

/** Shapes of named tensors. */
export type TensorShapes = Readonly<Record<string, readonly number[]>>;

/** The logits of one batch, [b, c], as a function of the learning weights alone. */
export interface Logits {
  (weights: Weights): Tensor2D;
  /** The derivative of the logits along a direction of the weights, [b, c], exact but for rounding; left out: there is none. */
  tangent?(weights: Weights, direction: Weights): Tensor2D;
}
