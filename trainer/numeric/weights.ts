import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';

/** Named tensors of a model, or of the part of it that learns. Gradients and optimizer slots bear the same names. */
export type Weights = Readonly<Record<string, Tensor>>;

/** Shapes of named tensors. */
export type TensorShapes = Readonly<Record<string, readonly number[]>>;

/** The logits of one batch, [b, c], as a function of the learning weights alone. */
export type Logits = (weights: Weights) => Tensor2D;
