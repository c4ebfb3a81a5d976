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

describe('the limits of a random search', () => {
  const dimension = (place: number) => ({ parameter: `p${place}`, distribution: 'uniform' as const, low: 0, high: 1 });
  const dimensions = (count: number) => Array.from({ length: count }, (_, place) => dimension(place));
  const values = (count: number) => Array.from({ length: count }, (_, value) => value);
  const choice = (count: number) => [{ parameter: 'p', distribution: 'choice' as const, values: values(count) }];
  const int = (low: number, high: number) => [{ parameter: 'p', distribution: 'int' as const, low, high }];
  const pathsOf = (changes: Partial<RandomSearch>) => randomSearchProblems(search(changes)).map(({ path }) => path);

  it.each<[string, Partial<RandomSearch>]>([
    ['one sample', { samples: 1 }],
    ['500 samples', { samples: 500 }],
    ['seed 0', { seed: 0, samples: 1 }],
    ['the largest seed', { seed: 0xffffffff, samples: 1 }],
    ['one hyper-parameter', { samples: 1, space: dimensions(1) }],
    ['16 hyper-parameters', { samples: 1, space: dimensions(16) }],
    ['one value', { samples: 1, space: choice(1) }],
    ['50 values', { samples: 1, space: choice(50) }],
    ['two whole numbers', { samples: 1, space: int(1, 2) }],
  ])('allow %s', (_, changes) => {
    expect(pathsOf(changes)).toEqual([]);
  });

  it.each<[string, Partial<RandomSearch>, string]>([
    ['no sample', { samples: 0 }, 'random.samples'],
    ['501 samples', { samples: 501 }, 'random.samples'],
    ['a seed too large', { seed: 0x1_0000_0000, samples: 1 }, 'random.seed'],
    ['no hyper-parameter', { samples: 1, space: [] }, 'random.space'],
    ['17 hyper-parameters', { samples: 1, space: dimensions(17) }, 'random.space'],
    ['no value', { samples: 1, space: choice(0) }, 'random.space.0.values'],
    ['51 values', { samples: 1, space: choice(51) }, 'random.space.0.values'],
    ['a range of one number', { samples: 1, space: int(1, 1) }, 'random.space.0.low'],
    [
      'values and a range',
      { samples: 1, space: [{ parameter: 'p', distribution: 'choice', values: [1], high: 2 }] },
      'random.space.0.low',
    ],
    [
      'a range and values',
      { samples: 1, space: [{ parameter: 'p', distribution: 'uniform', low: 0, high: 1, values: [1] }] },
      'random.space.0.values',
    ],
  ])('refuse %s', (_, changes, path) => {
    expect(pathsOf(changes)).toEqual([path]);
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
