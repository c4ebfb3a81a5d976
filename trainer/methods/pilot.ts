import type { Parameters } from '../../contract/parameters';
import { createOptimizer, type OptimizerState } from '../numeric/optimizers';
import type { Weights } from '../numeric/weights';
import type { Pilot } from './meta-gradient';

/** The optimizer of the pilot update, from the hyper-parameters. */
export const pilotOf = ({ pilotOptimizer, pilotLearningRate }: Parameters): Pilot => ({
  optimizer: pilotOptimizer,
  learningRate: pilotLearningRate,
});

/** Its moments before the first step; null for sgd, which has none. */
export const initialPilotState = ({ optimizer }: Pilot, studentWeights: Weights): OptimizerState | null =>
  optimizer === 'sgd' ? null : createOptimizer({ name: optimizer }).initialState(studentWeights);
