import type { Tensor } from '@tensorflow/tfjs-core';

/** Named tensors of a model, or of the part of it that learns. Gradients and optimizer slots bear the same names. */
export type Weights = Readonly<Record<string, Tensor>>;
