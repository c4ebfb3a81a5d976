import { insertExperiment, useTestServices } from '../../testkit/api-services';
import { ask, dataOf } from '../../testkit/ask';
import { insertEvaluatedRun, writeTestPredictions } from '../../testkit/evaluated-run';

const services = useTestServices();
beforeEach(() => insertExperiment(services()));

const source = `query ($metric: String!, $at: ComparisonPointInput!, $baseline: String, $pairs: ComparedPairs!, $groupBy: [String!]) {
  compare(experimentIds: ["experiment"], metric: $metric, at: $at, baseline: $baseline, pairs: $pairs, groupBy: $groupBy) {
    ... on Comparison { families { tTests wilcoxons mcNemars } pairs {
      groupId name againstId againstName verdict { kind text } seeds unpairedSeeds difference standardDeviation
      interval { low high } tTest { statistic degreesOfFreedom p holmP }
      wilcoxon { statistic ranked zeros method p holmP } effectSize { cohenDz hedgesGz }
      mcNemar { p holmP seeds { seed rows first second method p } }
      bootstrap { interval { low high } resamples seeds rows }
      detectable seedsNeeded(difference: 0.01) warnings { kind message groups } } }
    ... on Failure { problems { path message } } } }`;

const compare = async (given: object = {}) => {
  const chosen = { metric: 'test/accuracy', at: { point: 'FINAL' }, pairs: 'WITH_BASELINE', ...given };
  return (await dataOf(services(), source, chosen)).compare;
};

/** One run a value, its seed the place of the value; null leaves that seed out. */
async function group(name: string, values: readonly (number | null)[], given: object = {}) {
  for (const [seed, test] of values.entries())
    if (test !== null)
      await insertEvaluatedRun(services(), `${name}-${seed}`, { group_id: name, seed, ...given }, [
        { epoch: 1, seconds: 1, test },
      ]);
}

const kinds = ({ warnings }: { warnings: { kind: string }[] }) => warnings.map(({ kind }) => kind);

describe('the tests of a pair', () => {
  // scipy.stats.ttest_rel(kd, scratch) and .confidence_interval(.95), scipy.stats.wilcoxon(kd, scratch, method="exact"),
  // TTestPower().solve_power(effect_size=.01 / .00321528, power=.8, alpha=.05) = 3.08,
  // .00321528 * TTestPower().solve_power(nobs=5, power=.8, alpha=.05) = .0054081.
  it('are those of SciPy and statsmodels, and come to a verdict in words', async () => {
    await group('scratch', [0.809, 0.8055, 0.812, 0.8101, 0.806]);
    await group('kd', [0.8149, 0.8102, 0.817, 0.809, 0.8133]);
    const { pairs, families } = await compare({ baseline: 'scratch' });
    expect(pairs).toHaveLength(1);
    const [pair] = pairs;
    expect(pair).toMatchObject({
      name: 'kd',
      againstName: 'scratch',
      seeds: [0, 1, 2, 3, 4],
      unpairedSeeds: [],
      difference: expect.closeTo(0.00436, 10),
      interval: { low: expect.closeTo(0.00036770749943, 10), high: expect.closeTo(0.008352292500568, 10) },
      tTest: { statistic: expect.closeTo(3.0321677725, 7), degreesOfFreedom: 4, p: expect.closeTo(0.0386981696556, 9) },
      wilcoxon: { statistic: 1, ranked: 5, zeros: 0, method: 'EXACT', p: 0.125 },
      effectSize: { cohenDz: expect.closeTo(1.3560266517, 8), hedgesGz: expect.closeTo(1.0819527292, 8) },
      seedsNeeded: 4,
      detectable: expect.closeTo(0.0054081, 6),
    });
    expect(families).toEqual({ tTests: 1, wilcoxons: 1, mcNemars: 0 });
    expect(pair.verdict).toEqual({
      kind: 'BETTER',
      text: 'kd is better than scratch by 0.4 points (95 % 0.04 to 0.8), 5 seeds, Holm p = .039',
    });
    expect(kinds(pair)).toEqual(['FEW_PAIRS', 'NO_PREDICTIONS']);
  });

  it('turn their signs and keep their p where the baseline is the other group', async () => {
    await group('scratch', [0.809, 0.8055, 0.812, 0.8101, 0.806]);
    await group('kd', [0.8149, 0.8102, 0.817, 0.809, 0.8133]);
    const [pair] = (await compare({ baseline: 'kd' })).pairs;
    expect(pair.difference).toBeCloseTo(-0.00436, 10);
    expect(pair.tTest.p).toBeCloseTo(0.0386981696556, 9);
    expect(pair.verdict.kind).toBe('WORSE');
    expect(pair.verdict.text).toContain('scratch is worse than kd by 0.4 points (95 % 0.04 to 0.8)');
  });

  // scipy.stats.ttest_rel(scratch, kd).confidence_interval(.95): .09587 to .10346.
  it('take the smaller loss for the better', async () => {
    await group('scratch', [0.5, 0.51, 0.52]);
    await group('kd', [0.4, 0.412, 0.419]);
    await services().database.updateTable('epoch_metric').set({ name: 'test/loss' }).execute();
    const [pair] = (await compare({ metric: 'test/loss', baseline: 'scratch' })).pairs;
    expect(pair.verdict.kind).toBe('BETTER');
    expect(pair.verdict.text).toMatch(/^kd is better than scratch by 0\.0997 nats \(95 % 0\.0959 to 0\.103\), 3 seeds/);
  });

  // Each p by scipy.stats.ttest_rel; the smallest of three times 3, the next times 2.
  it('are corrected by Holm for every pair of the answer', async () => {
    await group('a', [0.8, 0.81, 0.82, 0.83]);
    await group('b', [0.82, 0.832, 0.839, 0.851]);
    await group('c', [0.81, 0.815, 0.835, 0.838]);
    const { pairs, families } = await compare({ pairs: 'ALL' });
    expect(families.tTests).toBe(3);
    expect(pairs.map(({ name, againstName }: { name: string; againstName: string }) => [name, againstName])).toEqual([
      ['b', 'a'],
      ['c', 'a'],
      ['c', 'b'],
    ]);
    const ps = pairs.map(({ tTest }: { tTest: { p: number } }) => tTest.p);
    const ordered = [...ps].sort((x, y) => x - y);
    for (const { tTest } of pairs) {
      const rank = ordered.indexOf(tTest.p);
      const steps = ordered.slice(0, rank + 1).map((p, at) => Math.min(1, p * (3 - at)));
      expect(tTest.holmP).toBeCloseTo(Math.max(...steps), 12);
    }
  });

  it('say what so few seeds could have shown where they find nothing', async () => {
    await group('scratch', [0.8, 0.83, 0.81]);
    await group('kd', [0.82, 0.81, 0.82]);
    const [pair] = (await compare({ baseline: 'scratch' })).pairs;
    expect(pair.verdict.kind).toBe('NO_EVIDENCE');
    expect(pair.verdict.text).toMatch(
      /^no evidence of a difference between kd and scratch at 3 seeds: \+0\.3 points \(95 % −\d\.\d to \d\.\d\), Holm p = \.\d+\. With this spread 3 seeds would show \d\.\d points or more \(power 80 %\)$/,
    );
  });

  it('use shared seeds alone, and name the others', async () => {
    await group('scratch', [0.8, 0.81, 0.82, null, 0.9]);
    await group('kd', [null, 0.82, 0.84, 0.99]);
    const [pair] = (await compare({ baseline: 'scratch' })).pairs;
    expect(pair).toMatchObject({ seeds: [1, 2], unpairedSeeds: [0, 3, 4], difference: expect.closeTo(0.015, 10) });
    expect(pair.warnings[0]).toEqual({
      kind: 'UNPAIRED_SEEDS',
      message: '"kd" and "scratch": seed 0, 3, 4 is in one of them alone and is not tested',
      groups: ['kd', 'scratch'],
    });
  });

  it.each([
    [
      'one seed is shared',
      [0.8, null],
      [0.82, 0.83],
      'NOT_TESTED',
      /share seed 0 alone \(\+2\.0 points\)/,
      'FEW_PAIRS',
    ],
    ['no seed is shared', [0.8, null], [null, 0.83], 'NOT_TESTED', /share no seed/, 'FEW_PAIRS'],
    ['nothing differs', [0.8, 0.82], [0.8, 0.82], 'NO_EVIDENCE', /equal in all 2 seeds/, 'EQUAL_VALUES'],
    [
      'all differ alike',
      [0.8, 0.7],
      [0.82, 0.72],
      'NOT_TESTED',
      /by the same \+2\.0 points in all 2 seeds/,
      'EQUAL_VALUES',
    ],
  ])('are not made where %s', async (_, scratch, kd, kind, text, warning) => {
    await group('scratch', scratch);
    await group('kd', kd);
    const [pair] = (await compare({ baseline: 'scratch' })).pairs;
    expect(pair).toMatchObject({ tTest: null, effectSize: null, detectable: null, seedsNeeded: null });
    expect(pair.verdict).toEqual({ kind, text: expect.stringMatching(text) });
    expect(kinds(pair)).toContain(warning);
  });

  it('give no number where values are beyond numbers', async () => {
    await group('scratch', [1e308, -1e308, 1e308]);
    await group('kd', [-1e308, 1e308, -1e308]);
    const { pairs } = await compare({ baseline: 'scratch' });
    expect(pairs[0]).toMatchObject({ difference: null, tTest: null, verdict: { kind: 'NOT_TESTED' } });
  });

  it('take several runs of one seed for one, as their mean', async () => {
    await group('scratch', [0.8, 0.81, 0.82]);
    await group('kd', [0.82, 0.84, 0.83]);
    await insertEvaluatedRun(services(), 'kd-again', { group_id: 'kd', seed: 0 }, [
      { epoch: 1, seconds: 1, test: 0.84 },
    ]);
    const [pair] = (await compare({ baseline: 'scratch' })).pairs;
    expect(pair.seeds).toEqual([0, 1, 2]);
    expect(pair.difference).toBeCloseTo((0.03 + 0.03 + 0.01) / 3, 10);
  });

  it('are limited in number, which is said before anything is computed', async () => {
    for (let at = 0; at < 33; at++) await group(`g${at}`, [0.5]);
    expect((await compare({ pairs: 'ALL' })).problems).toEqual([
      { path: 'pairs', message: expect.stringContaining('33 groups make 528 pairs, at most 500 are tested') },
    ]);
  });

  it('refuse to plan for a difference of nothing', async () => {
    await group('scratch', [0.8, 0.83]);
    await group('kd', [0.82, 0.81]);
    const plan = `{ compare(experimentIds: ["experiment"], metric: "test/accuracy", baseline: "kd", at: { point: FINAL }) {
      ... on Comparison { pairs { seedsNeeded(difference: 0) } } } }`;
    expect((await ask(services(), plan)).errors[0]?.message).toMatch(/0 given: a size above 0/);
  });
});

describe('tests by example', () => {
  const classes = ['a', 'b', 'c'];
  const labels = Int32Array.from({ length: 300 }, (_, row) => row % 3);
  /** Made-up predictions; the same formula stood in the NumPy script whose results are below. */
  const predictedBy = (method: string, seed: number) =>
    labels.map((label, i) => {
      const draw = (i * i * 7 + seed * 29 + (method === 'b' ? 0 : 3) * i) % 101;
      return draw < (method === 'a' ? 30 : 38) + seed * 2 ? (label + 1 + (i % 2)) % 3 : label;
    });
  const accuracy = (predicted: Int32Array) =>
    predicted.filter((taken, row) => taken === labels[row]).length / labels.length;

  async function predictedGroup(name: string, seeds: readonly number[]) {
    await group(
      name,
      seeds.map((seed) => accuracy(predictedBy(name, seed))),
    );
    for (const seed of seeds)
      await writeTestPredictions(services().objects, `${name}-${seed}`, 1, {
        labels,
        predicted: predictedBy(name, seed),
        classes,
      });
  }

  // Discordant rows counted with NumPy; statsmodels' mcnemar(exact=False, correction=True) for each seed.
  it('hold stored predictions against each other, seed by seed and together', async () => {
    await predictedGroup('b', [0, 1, 2, 3]);
    await predictedGroup('a', [0, 1, 2, 3]);
    const { pairs, families } = await compare({ baseline: 'b' });
    const [pair] = pairs;
    expect(families.mcNemars).toBe(1);
    expect(pair.mcNemar.seeds).toEqual([
      { seed: 0, rows: 300, first: 60, second: 75, method: 'CHI_SQUARE', p: expect.closeTo(0.228231039529061, 9) },
      { seed: 1, rows: 300, first: 77, second: 63, method: 'CHI_SQUARE', p: expect.closeTo(0.27189871081964523, 9) },
      { seed: 2, rows: 300, first: 90, second: 69, method: 'CHI_SQUARE', p: expect.closeTo(0.11271590757340864, 9) },
      { seed: 3, rows: 300, first: 78, second: 48, method: 'CHI_SQUARE', p: expect.closeTo(0.009779628315844408, 9) },
    ]);
    // The second smallest one-sided p of four, times 4 / 2, doubled: that of seed 2.
    expect(pair.mcNemar.p).toBeCloseTo(2 * 0.11271590757340864, 9);
    // NumPy, 20,000 resamples: -.0308 to .1067.
    expect(pair.bootstrap).toMatchObject({ resamples: 2000, seeds: 4, rows: 300 });
    expect(Math.abs(pair.bootstrap.interval.low - -0.0308)).toBeLessThan(0.006);
    expect(Math.abs(pair.bootstrap.interval.high - 0.1067)).toBeLessThan(0.006);
    expect(kinds(pair)).toEqual(['FEW_PAIRS']);
  });

  it('are made from the predictions of the very epochs that are compared', async () => {
    await predictedGroup('b', [0, 1]);
    await predictedGroup('a', [0, 1]);
    const later = { labels, predicted: labels.map(() => 0), classes };
    for (const id of ['a-0', 'a-1']) await writeTestPredictions(services().objects, id, 2, later);
    const rows = ['a-0', 'a-1'].map((run_id) => ({
      ...{ run_id, epoch: 2, step: 20, elapsed_seconds: 2 },
      ...{ name: 'test/accuracy', value: 1 / 3 },
    }));
    await services().database.insertInto('epoch_metric').values(rows).execute();
    const [pair] = (await compare({ baseline: 'b' })).pairs;
    // The model that takes everything for class 0 is right alone where it is class 0 and the other is wrong.
    const other = predictedBy('b', 0);
    const alone = labels.filter((label, row) => label === 0 && other[row] !== 0).length;
    expect(pair.mcNemar.seeds[0].first).toBe(alone);
  });

  it('give no interval for a metric that predictions do not give', async () => {
    await predictedGroup('b', [0, 1]);
    await predictedGroup('a', [0, 1]);
    await services().database.updateTable('epoch_metric').set({ name: 'test/loss' }).execute();
    const [pair] = (await compare({ metric: 'test/loss', baseline: 'b' })).pairs;
    expect(pair.bootstrap).toBeNull();
    expect(pair.mcNemar).not.toBeNull();
    expect(kinds(pair)).toContain('NOT_RESAMPLED');
  });

  it.each([
    [
      'a prediction is not stored',
      'NO_PREDICTIONS',
      () => services().objects.delete('runs/a-1/predictions/test-0001.parquet'),
    ],
    [
      'the rows are others',
      'DIFFERENT_ROWS',
      () =>
        writeTestPredictions(services().objects, 'a-1', 1, {
          labels: labels.map((label) => (label + 1) % 3),
          predicted: predictedBy('a', 1),
          classes,
        }),
    ],
    [
      'the predictions are not those that were scored',
      'PREDICTIONS_DISAGREE',
      () => writeTestPredictions(services().objects, 'a-1', 1, { labels, predicted: labels, classes }),
    ],
  ])('are left out where %s', async (_, warning, change) => {
    await predictedGroup('b', [0, 1]);
    await predictedGroup('a', [0, 1]);
    await change();
    const [pair] = (await compare({ baseline: 'b' })).pairs;
    expect(pair).toMatchObject({ mcNemar: null, bootstrap: null });
    expect(kinds(pair)).toContain(warning);
    expect(pair.tTest ?? pair.difference).not.toBeNull();
  });
});
