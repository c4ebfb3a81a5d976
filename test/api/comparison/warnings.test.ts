import type { ComparedPair } from '../../../api/comparison/compared-pair';
import type { ComparedGroup, ComparedRun, SeedValue } from '../../../api/comparison/comparison';
import { testExamples } from '../../../api/comparison/examples';
import { comparisonWarnings } from '../../../api/comparison/group-warnings';
import type { RunGroup } from '../../../api/comparison/groups';
import { pairsOf } from '../../../api/comparison/pairs';
import type { Predictions, StoredPredictions } from '../../../api/comparison/predictions';
import { resamples } from '../../../api/comparison/statistics/resampled-rows';
import { verdictOf } from '../../../api/comparison/verdict';
import { describeMetric } from '../../../contract/metrics';

const run = (device: string): ComparedRun => ({
  id: 'run',
  experimentId: 'experiment',
  experimentName: 'experiment',
  variant: 'kd',
  groupId: 'kd',
  method: 'kd',
  seed: 0,
  state: 'SUCCEEDED',
  stoppedAtEpoch: null,
  engine: 'native',
  device,
  dataFiles: null,
  selectBy: 'dev/accuracy',
});
const groupOn = (...devices: string[]): RunGroup => ({ id: 'kd', name: 'kd', labels: [], runs: devices.map(run) });
const kinds = (given: Partial<Parameters<typeof comparisonWarnings>[0]>) =>
  comparisonWarnings({ point: { kind: 'FINAL' }, groups: [], differences: [], ...given }).map(({ kind }) => kind);

describe('a comparison', () => {
  it('is marked where the data differ in one thing, and not where they are equal', () => {
    expect(kinds({ differences: ['splitSeed is 0 in "scratch", 1 in "kd"'] })).toEqual(['DIFFERENT_DATA']);
    expect(kinds({ differences: [] })).toEqual([]);
  });

  it('within a time budget is marked where machines differ, and not on one machine', () => {
    const point = { kind: 'WALL_CLOCK', seconds: 60 } as const;
    expect(kinds({ point, groups: [groupOn('cpu', 'cpu')] })).toEqual([]);
    expect(kinds({ point, groups: [groupOn('cpu'), groupOn('gpu')] })).toEqual(['DIFFERENT_MACHINES']);
  });
});

/** Two rows, of which the first is right. */
const stored: StoredPredictions = {
  labels: Int32Array.of(0, 1),
  predicted: Int32Array.of(0, 0),
  classCount: 2,
  right: Int32Array.of(1),
  rowsHash: 'rows',
};
const predictions: Predictions = {
  read: async () => stored,
  resampled: async () => new Float64Array(resamples).fill(0.5),
};

function group(name: string, seeds: readonly number[]): ComparedGroup {
  const values = seeds.map(
    (seed, place): SeedValue => ({ runId: `${name}-${place}`, seed, epoch: 1, elapsedSeconds: 1, value: 0.5 }),
  );
  return { id: name, name, values } as unknown as ComparedGroup;
}

async function examplesOf(seeds: readonly number[]) {
  const pairs = pairsOf([group('scratch', [0, 1]), group('kd', seeds)], 'scratch', false);
  const [tests] = await testExamples(predictions, pairs, 'test/accuracy');
  return tests!;
}

describe('the tests by example', () => {
  it('are made where every seed has one run', async () => {
    const { mcNemar, bootstrap, warnings } = await examplesOf([0, 1]);
    expect(mcNemar?.seeds).toHaveLength(2);
    expect(bootstrap?.interval).toEqual({ low: 0, high: 0 });
    expect(warnings).toEqual([]);
  });

  it('are left out, with a warning, where a seed has several runs', async () => {
    const { mcNemar, bootstrap, warnings } = await examplesOf([0, 1, 1]);
    expect([mcNemar, bootstrap]).toEqual([null, null]);
    expect(warnings.map(({ kind }) => kind)).toEqual(['REPEATED_SEED']);
  });
});

describe('the verdict on a significant difference', () => {
  const pair = (low: number, high: number) =>
    ({
      name: 'kd',
      againstName: 'scratch',
      seeds: [0, 1, 2],
      difference: 0.005,
      interval: { low: 0.002, high: 0.008 },
      tTest: { statistic: 7, degreesOfFreedom: 2, p: 0.02, holmP: 0.02 },
      bootstrap: { interval: { low, high }, resamples, seeds: 3, rows: 2388 },
    }) as unknown as ComparedPair;
  const text = (low: number, high: number) => verdictOf(pair(low, high), describeMetric('test/accuracy')).text;

  it.each([
    [0, 0.01],
    [-0.01, 0],
    [-0.01, 0.01],
  ])('says that other rows could turn it where the interval over rows is %d to %d', (low, high) => {
    expect(text(low, high)).toContain('Other rows could turn it');
  });

  it.each([
    [1e-4, 0.01],
    [-0.01, -1e-4],
  ])('does not where the interval is %d to %d', (low, high) => {
    expect(text(low, high)).not.toContain('Other rows');
  });
});
