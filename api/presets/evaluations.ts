import { scoreName } from '../../contract/metric-names';
import type { Evaluation } from '../metrics/evaluations.store';
import type { EvaluatedRun } from './evaluations.store';

const devAccuracy = scoreName('dev', 'accuracy');

/** Evaluations of the model of a run: epoch 0 scores the teacher before training, and no model yet. */
export const trainedEpochs = ({ evaluations }: EvaluatedRun): Evaluation[] =>
  evaluations.filter(({ epoch }) => epoch > 0);

/** The epoch best on dev, the earliest of equals: as the trainer selects its model. */
export function bestOnDev(run: EvaluatedRun): Evaluation | null {
  return trainedEpochs(run).reduce<Evaluation | null>((best, evaluation) => {
    const value = evaluation.values[devAccuracy];
    return value !== undefined && (best === null || value > best.values[devAccuracy]!) ? evaluation : best;
  }, null);
}
