import { learningRateFactor, type Schedule } from '../../../trainer/numeric/schedule';

const factors = (schedule: Schedule) =>
  Array.from({ length: schedule.totalSteps }, (_, step) => learningRateFactor(schedule, step));

describe('the learning-rate schedule', () => {
  it('rises linearly over the warm-up, the first step included, then stays', () => {
    expect(factors({ kind: 'constant', totalSteps: 6, warmupShare: 0.5 })).toEqual([1 / 3, 2 / 3, 1, 1, 1, 1]);
  });

  it('falls linearly after the warm-up and would be 0 one step after the last', () => {
    expect(factors({ kind: 'linear', totalSteps: 6, warmupShare: 0.34 })).toEqual([0.5, 1, 1, 0.75, 0.5, 0.25]);
  });

  it('is at its peak throughout without warm-up or fall', () => {
    expect(factors({ kind: 'constant', totalSteps: 4, warmupShare: 0 })).toEqual([1, 1, 1, 1]);
  });

  it('stays in [0, 1] for a run of one step and for a run that is all warm-up', () => {
    expect(factors({ kind: 'linear', totalSteps: 1, warmupShare: 0 })).toEqual([1]);
    expect(factors({ kind: 'linear', totalSteps: 4, warmupShare: 1 })).toEqual([0.25, 0.5, 0.75, 1]);
  });
});
