import fc from 'fast-check';
import { classScoreName, classScoreNames, confusionName, metricNames } from '../../contract/metric-names';
import {
  bestOf,
  describeMetric,
  metricCatalogue,
  parseClassScoreName,
  parseConfusionName,
  selectByProblem,
} from '../../contract/metrics';

describe('the metric catalogue', () => {
  it('describes every metric once, under its own name', () => {
    const names = metricCatalogue.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of Object.values(metricNames)) expect(names).toContain(name);
  });

  it.each([
    ['test/accuracy', 'Test accuracy', 'share', 'higher', 'test', 'model'],
    ['dev/loss', 'Dev loss', 'nats', 'lower', 'dev', 'model'],
    ['teacher/test/macro-f1', 'Test macro F1 of the teacher', 'share', 'higher', 'test', 'teacher'],
    ['test/class/normal/f1', 'Test F1 of class "normal"', 'share', 'higher', 'test', 'model'],
    ['test/class/a/b/recall', 'Test recall of class "a/b"', 'share', 'higher', 'test', 'model'],
    ['test/confusion/loss/loss', 'Test rows of class "loss" classified as "loss"', 'rows', 'higher', 'test', 'model'],
    ['test/confusion/a/b', 'Test rows of class "a" classified as "b"', 'rows', 'lower', 'test', 'model'],
    ['train/gradient-norm', 'Norm of the gradient', null, 'none', 'train', 'model'],
    ['seconds/epoch', 'Time per epoch', 'seconds', 'lower', null, 'model'],
    ['test/perplexity', 'test/perplexity', null, 'none', null, 'model'],
  ])('describes %s', (name, title, unit, better, split, subject) => {
    expect(describeMetric(name)).toEqual({ name, title, unit, better, split, subject });
  });

  it('finds the labels again in the names of classes and cells, whatever the labels are', () => {
    const labels = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.stringMatching(/^[a/%2F5]+$/),
      fc.constantFrom('x', 'x/y', 'y/z', 'z', '{class}', '$&'),
    );
    fc.assert(
      fc.property(
        labels,
        labels,
        fc.constantFrom('dev', 'test'),
        fc.constantFrom(...classScoreNames),
        (actual, predicted, split, score) => {
          expect(parseConfusionName(confusionName(split, actual, predicted))).toEqual({ split, actual, predicted });
          expect(parseClassScoreName(classScoreName(split, actual, score))).toEqual({ split, label: actual, score });
          expect(describeMetric(classScoreName(split, actual, score))).toMatchObject({
            better: 'higher',
            unit: 'share',
          });
          expect(describeMetric(confusionName(split, actual, predicted)).better).toBe(
            actual === predicted ? 'higher' : 'lower',
          );
        },
      ),
    );
  });
});

describe('the best of some items', () => {
  const values = (...numbers: (number | null)[]) => numbers.map((value, place) => ({ value, place }));
  const best = (numbers: (number | null)[], better: 'higher' | 'lower' | 'none') =>
    bestOf(values(...numbers), better, ({ value }) => value)?.place ?? null;

  it.each([
    ['the largest where higher is better', [0.1, 0.3, 0.2], 'higher', 1],
    ['the smallest where lower is better', [0.3, 0.1, 0.2], 'lower', 1],
    ['the earliest of equals', [0.1, 0.3, 0.3], 'higher', 1],
    ['the first with a value', [null, 0, null], 'higher', 1],
    ['zero among negatives', [-1, 0, -2], 'higher', 1],
    ['none without a direction', [0.1, 0.2], 'none', null],
    ['none without values', [null], 'higher', null],
  ] as const)('is %s', (_, numbers, better, expected) => {
    expect(best([...numbers], better)).toBe(expected);
  });
});

describe('the metric that selects a model', () => {
  it.each(['dev/accuracy', 'dev/loss', 'dev/macro-f1', 'dev/class/a/b/f1', 'dev/confusion/a/b'])(
    'may be %s',
    (name) => {
      expect(selectByProblem(name)).toBeNull();
    },
  );

  it.each(['test/accuracy', 'teacher/dev/accuracy', 'train/loss', 'dev/perplexity', 'accuracy', ''])(
    'may not be "%s"',
    (name) => {
      expect(selectByProblem(name)).toMatch(/^must be a score on the dev rows, such as dev\/loss, dev\/accuracy/);
    },
  );

  it('names a class of the data', () => {
    expect(selectByProblem('dev/class/up/f1', ['up', 'down'])).toBeNull();
    expect(selectByProblem('dev/class/sideways/f1', ['up', 'down'])).toBe(
      'there is no class "sideways" in the data; there are up, down',
    );
    expect(selectByProblem('dev/confusion/up/sideways', ['up', 'down'])).toMatch('"sideways"');
  });
});
