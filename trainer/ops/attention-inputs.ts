import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';

/** Keys and values that stand before those of every sequence, [p, d] each. */
export interface AttentionPrefix {
  key: Tensor2D;
  value: Tensor2D;
}

export interface AttentionInputs {
  /** [n, d], or [b, d] where only one query a sequence is asked */
  query: Tensor2D;
  /** [n, d] */
  key: Tensor2D;
  /** [n, d] */
  value: Tensor2D;
  /** One query a sequence ([CLS]) rather than one a token. */
  queryPerSequence?: boolean;
  /** null: none. */
  prefix?: AttentionPrefix | null;
  /** Dropout factors of the probabilities, [b, h, t or 1, p + t]; null: none. */
  dropout?: Tensor4D | null;
}
