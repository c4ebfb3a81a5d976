import type { Parameters } from '../../contract/parameters';
import type { Method } from '../methods/method';
import type { Model } from '../models/model';

/**
 * A way to make a trained model smaller: a run of one epoch, each step of which does a part of the work, so that it is evaluated,
 * interrupted and resumed as a training is.
 */
export interface Compression {
  /** Steps it takes. */
  steps(model: Model): number;
  /** The matrices whose zeros the training that follows has to keep. */
  sparseMatrices(model: Model): readonly string[];
  create(setting: { parameters: Parameters; model: Model }): Method;
}
