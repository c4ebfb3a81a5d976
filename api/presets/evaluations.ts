import { bestOf, describeMetric } from '../../contract/metrics';
import type { Evaluation } from '../metrics/evaluations.store';
import type { EvaluatedRun } from './evaluations.store';

/** Evaluations of the model of a run: epoch 0 scores the teacher before training, and no model yet. */
export const trainedEpochs = ({ evaluations }: EvaluatedRun): Evaluation[] =>
  evaluations.filter(({ epoch }) => epoch > 0);

/** The evaluation of the epoch that the trainer selected the model of. */
export function bestOnDev(run: EvaluatedRun): Evaluation | null {
  const { better } = describeMetric(run.selectBy);
  return bestOf(trainedEpochs(run), better, ({ values }) => values[run.selectBy]);
}
