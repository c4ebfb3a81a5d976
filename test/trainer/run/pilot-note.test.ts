import type { MetricRecord } from '../../../contract/records';
import { pilotNotes } from '../../../trainer/run/pilot-note';

const record = (step: number, before: number, after: number, epoch = 1): MetricRecord => ({
  ...{ step, epoch, elapsedSeconds: step, scope: 'step' },
  values: { 'train/cross-entropy': before, 'quiz/loss': after },
});
const pilot = { pilotLearningRate: 0.05, pilotOptimizer: 'rmsprop' } as const;

describe('a note on the pilot', () => {
  it('tells the step at which it made the quiz loss worse by the most, and what to change', () => {
    expect(pilotNotes([record(10, 1.1, 2), record(20, 1.1, 11.234), record(30, 1, 1)], pilot)).toEqual([
      'pilot updates made the quiz loss much worse, at step 20 from about 1.1 to 11.2: try a smaller pilotLearningRate (it was 0.05, of rmsprop)',
    ]);
  });

  it('is left out where updates helped or did little harm, and of epochs in which train rows are known by heart', () => {
    expect(pilotNotes([record(10, 1.1, 1), record(20, 1, 1.2), record(900, 0.05, 1.2, 2)], pilot)).toEqual([]);
  });

  it('is left out of methods without a pilot', () => {
    expect(pilotNotes([{ ...record(10, 1, 1), values: { 'train/cross-entropy': 1 } }], pilot)).toEqual([]);
  });
});
