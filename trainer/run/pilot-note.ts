import { metricNames } from '../../contract/metric-names';
import type { Parameters } from '../../contract/parameters';
import type { MetricRecord } from '../../contract/records';

/** Ratio of the quiz loss after to before the pilot update from which the update did harm, not good. */
const harmfulRatio = 1.5;

/**
 * A note on pilot updates that made the quiz loss much worse. In the first epoch all train rows are new to the student, so its
 * cross-entropy on train batches tells what its quiz loss was before the update; later it is lower, by what was learnt by heart.
 */
export function pilotNotes(
  history: readonly MetricRecord[],
  { pilotLearningRate, pilotOptimizer }: Pick<Parameters, 'pilotLearningRate' | 'pilotOptimizer'>,
): string[] {
  const worse = history.flatMap(({ scope, epoch, step, values }) => {
    const [before, after] = [values[metricNames.trainCrossEntropy], values[metricNames.quizLoss]];
    if (scope !== 'step' || epoch !== 1 || before == null || after == null) return [];
    return after > harmfulRatio * before ? [{ step, before, after }] : [];
  });
  const worst = worse.reduce<(typeof worse)[number] | null>(
    (most, one) => (most === null || one.after / one.before > most.after / most.before ? one : most),
    null,
  );
  if (worst === null) return [];
  const { step, before, after } = worst;
  return [
    `pilot updates made the quiz loss much worse, at step ${step} from about ${number(before)} to ${number(after)}: try a smaller pilotLearningRate (it was ${pilotLearningRate}, of ${pilotOptimizer})`,
  ];
}

const number = (loss: number): string => Number(loss.toPrecision(3)).toString();
