import {
  attemptEndKey,
  attemptKey,
  cancelledKey,
  checkpointKey,
  experimentKey,
  historyKey,
  metricsKey,
  metricsPrefix,
  modelKey,
  parseCheckpointKey,
  parseMetricsKey,
  predictionsKey,
  progressKey,
  resultKey,
  specKey,
} from '../../contract/keys';
import { requireObjectKey } from '../../contract/objects/object-requests';

test('keys have their documented form, and the object store takes them', () => {
  const keys = [
    specKey('r-1'),
    resultKey('r-1'),
    progressKey('r-1'),
    historyKey('r-1'),
    attemptKey('r-1', 2),
    attemptEndKey('r-1', 2),
    metricsKey('r-1', 1, 12),
    checkpointKey('r-1', 300, 'state.json'),
    predictionsKey('r-1', 'dev', 3),
    modelKey('r-1', 'model.safetensors'),
    cancelledKey('r-1'),
    experimentKey('e-1'),
  ];

  expect(keys).toEqual([
    'runs/r-1/spec.json',
    'runs/r-1/result.json',
    'runs/r-1/progress.json',
    'runs/r-1/history.parquet',
    'runs/r-1/attempts/0002.json',
    'runs/r-1/attempts/0002.end.json',
    'runs/r-1/metrics/0001-00000012.jsonl',
    'runs/r-1/checkpoints/0000000300/state.json',
    'runs/r-1/predictions/dev-0003.parquet',
    'runs/r-1/model/model.safetensors',
    'runs/r-1/cancelled.json',
    'experiments/e-1.json',
  ]);
  for (const key of keys) expect(() => requireObjectKey(key)).not.toThrow();
});

test('metrics chunks sort by attempt, then sequence, past every power of ten', () => {
  const chunks = [
    [1, 9],
    [1, 10],
    [1, 100_000],
    [2, 1],
    [10, 1],
  ] as const;
  const keys = chunks.map(([attempt, sequence]) => metricsKey('r', attempt, sequence));

  expect([...keys].sort()).toEqual(keys);
  expect(keys.map(parseMetricsKey)).toEqual(chunks.map(([attempt, sequence]) => ({ attempt, sequence })));
});

test('other keys are neither chunks nor checkpoints', () => {
  expect(parseMetricsKey(`${metricsPrefix('r')}0001-00000001.tmp`)).toBeNull();
  expect(parseMetricsKey('runs/0001-00000001.jsonl')).toBeNull();
  expect(parseCheckpointKey(checkpointKey('r', 70, 'student.safetensors'))).toBe(70);
  expect(parseCheckpointKey(specKey('r'))).toBeNull();
});
