import { drawPoints, type RandomSearch, randomSearchProblems } from '../../../api/definition/random-search';

const search = (changes: Partial<RandomSearch> = {}): RandomSearch => ({
  samples: 2000,
  seed: 1,
  space: [
    { parameter: 'studentLearningRate', distribution: 'log-uniform', low: 1e-4, high: 1e-2 },
    { parameter: 'alpha', distribution: 'uniform', low: 0.2, high: 0.6 },
    { parameter: 'loraRank', distribution: 'int', low: 2, high: 4 },
    { parameter: 'loss', distribution: 'choice', values: ['kl', 'mse'] },
  ],
  ...changes,
});

const column = (name: string, points = drawPoints(search())) => points.map((point) => point[name] as number);
const share = (values: unknown[], holds: (value: never) => boolean) =>
  (values as never[]).filter(holds).length / values.length;

/** Four standard errors of a share of a half over 2,000 draws. */
const tolerance = (4 * 0.5) / Math.sqrt(2000);

describe('points drawn at random', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(drawPoints(search())).toEqual(drawPoints(search()));
    expect(drawPoints(search())).not.toEqual(drawPoints(search({ seed: 2 })));
  });

  it('begin alike however many are drawn, so that a longer search continues a shorter one', () => {
    expect(drawPoints(search({ samples: 10 }))).toEqual(drawPoints(search()).slice(0, 10));
  });

  it('spread evenly: half of them below the middle, for log-uniform below the geometric mean', () => {
    expect(share(column('alpha'), (value: number) => value < 0.4)).toBeCloseTo(0.5, 1);
    const below = share(column('studentLearningRate'), (value: number) => value < 1e-3);
    expect(Math.abs(below - 0.5)).toBeLessThan(tolerance);
    for (const rank of [2, 3, 4])
      expect(Math.abs(share(column('loraRank'), (value: number) => value === rank) - 1 / 3)).toBeLessThan(tolerance);
    expect(Math.abs(share(column('loss'), (value: string) => value === 'mse') - 0.5)).toBeLessThan(tolerance);
  });

  it('stay within their ranges, with four significant figures', () => {
    for (const value of column('studentLearningRate')) {
      expect(value).toBeGreaterThanOrEqual(1e-4);
      expect(value).toBeLessThanOrEqual(1e-2);
      expect(Number(value.toPrecision(4))).toBe(value);
    }
  });
});

describe('a random search that makes no sense', () => {
  it('is refused with all that is wrong with it', () => {
    const problems = randomSearchProblems({
      samples: 0,
      seed: -1,
      space: [
        { parameter: 'a', distribution: 'log-uniform', low: 0, high: 1 },
        { parameter: 'a', distribution: 'int', low: 0.5, high: 2 },
        { parameter: 'b', distribution: 'choice', values: [] },
        { parameter: 'c', distribution: 'uniform', low: 2, high: 1 },
      ],
    });
    expect(problems.map(({ path }) => path)).toEqual([
      'random.samples',
      'random.seed',
      'random.space.0.low',
      'random.space.1.low',
      'random.space.1.parameter',
      'random.space.2.values',
      'random.space.3.low',
    ]);
  });
});
