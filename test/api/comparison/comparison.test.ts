import { insertExperiment, useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';
import { type EvaluatedEpoch, insertEvaluatedRun } from '../../testkit/evaluated-run';

const services = useTestServices();

const runWith = (id: string, given: Parameters<typeof insertEvaluatedRun>[2], epochs: EvaluatedEpoch[]) =>
  insertEvaluatedRun(services(), id, given, epochs);

const source = `query ($ids: [ID!]!, $metric: String!, $at: ComparisonPointInput!, $baseline: String, $groupBy: [String!], $allowDifferentData: Boolean! = false) {
  compare(experimentIds: $ids, metric: $metric, at: $at, baseline: $baseline, groupBy: $groupBy, allowDifferentData: $allowDifferentData) {
    __typename
    ... on Comparison { higherIsBetter baseline selectedOnTest dataDifferences warnings { kind message groups } groups {
      id name n mean standardDeviation interval { low high } min max best { runId seed } worst { seed }
      values { seed epoch value } missing { runId seed state reason } difference labels { name value } } }
    ... on Failure { problems { path message } } } }`;

const compare = async (given: object = {}) =>
  (
    await dataOf(services(), source, {
      ids: ['experiment'],
      metric: 'test/accuracy',
      at: { point: 'FINAL' },
      ...given,
    })
  ).compare;

const anExperiment = () => services().database.selectFrom('experiment').selectAll().executeTakeFirstOrThrow();

const messagesOf = (warnings: { message: string }[]) => warnings.map(({ message }) => message);

describe('comparing', () => {
  beforeEach(() => insertExperiment(services(), { name: 'First' }));

  it('describes every variant group over its seeds, with the best and the worst', async () => {
    for (const [seed, test] of [0.8, 0.82, 0.81, 0.85, 0.79].entries())
      await runWith(`kd-${seed}`, { group_id: 'kd', seed }, [{ epoch: 1, seconds: 1, test }]);
    for (const [seed, test] of [0.7, 0.72, 0.71].entries())
      await runWith(`scratch-${seed}`, { group_id: 'scratch', seed }, [{ epoch: 1, seconds: 1, test }]);
    const { groups, baseline, warnings, higherIsBetter } = await compare({ baseline: 'scratch' });
    expect(groups).toHaveLength(2);
    expect(groups[0]).toMatchObject({
      name: 'kd',
      n: 5,
      mean: expect.closeTo(0.814, 12),
      min: 0.79,
      max: 0.85,
      best: { runId: 'kd-3', seed: 3 },
      worst: { seed: 4 },
      difference: expect.closeTo(0.814 - 0.71, 12),
    });
    expect(groups[1]).toMatchObject({ name: 'scratch', difference: null });
    expect([baseline, warnings, higherIsBetter]).toEqual(['scratch', [], true]);
  });

  it('answers about an experiment that has no runs', async () => {
    expect(await compare()).toMatchObject({ groups: [] });
  });

  it('takes the largest F1 for the best whatever the class is called', async () => {
    for (const label of ['normal', 'loss', 'seconds/x', 'a/b'])
      for (const [seed, value] of [0, 1].entries()) {
        const id = `${label}-${seed}`.replace('/', '');
        await runWith(id, { group_id: label.replace('/', ''), seed }, []);
        const row = { run_id: id, epoch: 1, step: 1, elapsed_seconds: 1, name: `test/class/${label}/f1`, value };
        await services().database.insertInto('epoch_metric').values(row).execute();
      }
    for (const label of ['normal', 'loss', 'seconds/x', 'a/b']) {
      const { higherIsBetter, groups } = await compare({ metric: `test/class/${label}/f1` });
      const group = groups.find(({ name }: { name: string }) => name === label.replace('/', ''));
      expect({ label, higherIsBetter, best: group.best.seed }).toEqual({ label, higherIsBetter: true, best: 1 });
    }
  });

  it('ranks no run by a metric without a better direction', async () => {
    for (const [seed, value] of [0.1, 0.2].entries()) {
      await runWith(`r-${seed}`, { group_id: 'g', seed }, []);
      const row = { run_id: `r-${seed}`, epoch: 1, step: 1, elapsed_seconds: 1, name: 'train/learning-rate', value };
      await services().database.insertInto('epoch_metric').values(row).execute();
    }
    const { groups, higherIsBetter } = await compare({ metric: 'train/learning-rate' });
    expect([groups[0].best, groups[0].worst, groups[0].max, higherIsBetter]).toEqual([null, null, 0.2, false]);
  });

  it('finds the epoch of the model by the metric of the experiment, and warns where experiments differ in it', async () => {
    await insertExperiment(services(), {
      id: 'by-loss',
      definition: JSON.stringify({ ...JSON.parse((await anExperiment()).definition), selectBy: 'dev/loss' }),
    });
    for (const experiment_id of ['experiment', 'by-loss']) {
      const id = `run-of-${experiment_id}`;
      const epochs = [
        { epoch: 1, seconds: 1, dev: 0.6, test: 0.7 },
        { epoch: 2, seconds: 2, dev: 0.9, test: 0.8 },
      ];
      await runWith(id, { group_id: experiment_id, seed: 0, experiment_id }, epochs);
      const losses = [0.2, 0.3].map((value, place) => ({
        ...{ run_id: id, epoch: place + 1, step: 10, elapsed_seconds: 1, name: 'dev/loss', value },
      }));
      await services().database.insertInto('epoch_metric').values(losses).execute();
    }
    const { groups, warnings } = await compare({ ids: ['experiment', 'by-loss'], at: { point: 'BEST_ON_DEV' } });
    expect(groups.map(({ values }: { values: { epoch: number }[] }) => values[0]!.epoch)).toEqual([2, 1]);
    expect(warnings.map(({ kind }: { kind: string }) => kind)).toContain('DIFFERENT_SELECTION');
  });

  it('takes the smallest loss for the best', async () => {
    for (const [seed, value] of [0.3, 0.2].entries()) {
      await runWith(`r-${seed}`, { group_id: 'g', seed }, []);
      const row = { run_id: `r-${seed}`, epoch: 1, step: 1, elapsed_seconds: 1, name: 'test/loss', value };
      await services().database.insertInto('epoch_metric').values(row).execute();
    }
    expect((await compare({ metric: 'test/loss' })).groups[0]).toMatchObject({ best: { seed: 1 }, worst: { seed: 0 } });
  });

  // Dev is best at epochs 2 and 4 alike: the earlier one counts. Test is best at epoch 1, which must select nothing.
  const epochs: EvaluatedEpoch[] = [
    { epoch: 1, seconds: 10, dev: 0.5, test: 0.99 },
    { epoch: 2, seconds: 20, dev: 0.9, test: 0.6 },
    { epoch: 3, seconds: 30, dev: 0.8, test: 0.7 },
    { epoch: 4, seconds: 40, dev: 0.9, test: 0.8 },
    { epoch: 5, seconds: 50, dev: 0.7, test: 0.75 },
  ];

  it.each([
    ['the epoch that is named', { point: 'EPOCH', epoch: 3 }, { epoch: 3, value: 0.7 }],
    ['the last evaluation within a time budget', { point: 'WALL_CLOCK', seconds: 45 }, { epoch: 4, value: 0.8 }],
    ['an evaluation at the very end of a time budget', { point: 'WALL_CLOCK', seconds: 30 }, { epoch: 3, value: 0.7 }],
    ['the earliest epoch that is best on dev', { point: 'BEST_ON_DEV' }, { epoch: 2, value: 0.6 }],
    ['the last epoch', { point: 'FINAL' }, { epoch: 5, value: 0.75 }],
    ['the epoch that is best on test, where that is asked for', { point: 'BEST_ON_TEST' }, { epoch: 1, value: 0.99 }],
  ])('takes the value at %s', async (_, at, expected) => {
    await runWith('r', { group_id: 'g' }, epochs);
    expect((await compare({ at })).groups[0].values).toEqual([{ seed: 0, ...expected }]);
  });

  it('marks an answer for which the test set selected', async () => {
    await runWith('r', { group_id: 'g' }, epochs);
    const marked = await compare({ at: { point: 'BEST_ON_TEST' } });
    expect(marked.selectedOnTest).toBe(true);
    expect(marked.warnings[0]).toMatchObject({ kind: 'SELECTED_ON_TEST', groups: [] });
    expect((await compare()).selectedOnTest).toBe(false);
  });

  it('refuses different data or splits, and marks them where they are asked for', async () => {
    const evaluated = [{ epoch: 1, seconds: 1, test: 0.5 }];
    await runWith('a', { group_id: 'whole' }, evaluated);
    const parameters = { trainShare: 0.5, splitSeed: 3 };
    await insertEvaluatedRun(services(), 'b', { group_id: 'half' }, evaluated, { parameters });
    const refused = await compare();
    expect(refused.__typename).toBe('InvalidInput');
    expect(refused.problems).toEqual([
      {
        path: 'allowDifferentData',
        message: expect.stringContaining(
          'splitSeed is 0 in "whole", 3 in "half"; trainShare is 1 in "whole", 0.5 in "half"',
        ),
      },
    ]);
    const marked = await compare({ allowDifferentData: true });
    expect(marked.dataDifferences).toHaveLength(2);
    expect(marked.warnings[0]).toMatchObject({ kind: 'DIFFERENT_DATA' });
  });

  it('refuses runs of one file that was changed between them, even within a group', async () => {
    const evaluated = [{ epoch: 1, seconds: 1, test: 0.5 }];
    const read = (train: string) =>
      JSON.stringify({ train: { sha256: train.repeat(64), rows: 9 }, test: { sha256: 'e'.repeat(64), rows: 3 } });
    await runWith('a', { group_id: 'g', seed: 0, data_files: read('a') }, evaluated);
    await runWith('b', { group_id: 'g', seed: 1, data_files: read('b') }, evaluated);
    // Of an earlier trainer, which did not tell.
    await runWith('c', { group_id: 'g', seed: 2 }, evaluated);
    expect((await compare()).problems).toEqual([
      {
        path: 'allowDifferentData',
        message: expect.stringContaining('the SHA-256 of train is "aaaaaaaaaaaa" in "g", "bbbbbbbbbbbb" in "g". A'),
      },
    ]);
  });

  it('does not mind the data of runs that have nothing to compare', async () => {
    await runWith('a', { group_id: 'g' }, [{ epoch: 1, seconds: 1, test: 0.5 }]);
    const data = { train: '/other/train.csv', test: '/other/test.csv' };
    await insertEvaluatedRun(services(), 'b', { group_id: 'h', state: 'FAILED' }, [], { data });
    expect((await compare()).__typename).toBe('Comparison');
  });

  it('leaves out runs without a value, counts them and says why', async () => {
    await runWith('a', { group_id: 'g', seed: 0 }, [{ epoch: 1, seconds: 1, test: 0.5 }]);
    await runWith('b', { group_id: 'g', seed: 1, state: 'FAILED' }, [{ epoch: 1, seconds: 1, test: 0.1 }]);
    await runWith('c', { group_id: 'g', seed: 2, state: 'RUNNING' }, [{ epoch: 1, seconds: 1, test: 0.2 }]);
    await runWith('d', { group_id: 'g', seed: 3 }, [{ epoch: 1, seconds: 1, dev: 0.2 }]);
    await runWith('e', { group_id: 'g', seed: 4, state: 'CANCELLED' }, []);
    const { groups, warnings } = await compare();
    expect(groups[0]).toMatchObject({ n: 1, mean: 0.5, standardDeviation: null, interval: null });
    expect(groups[0].missing).toEqual([
      { runId: 'b', seed: 1, state: 'FAILED', reason: 'failed' },
      { runId: 'c', seed: 2, state: 'RUNNING', reason: 'has not finished' },
      { runId: 'd', seed: 3, state: 'SUCCEEDED', reason: 'has no number at epoch 1' },
      { runId: 'e', seed: 4, state: 'CANCELLED', reason: 'was cancelled' },
    ]);
    expect(messagesOf(warnings)).toEqual([
      '"g": 4 of 5 runs are left out: failed (1), has not finished (1), has no number at epoch 1 (1), was cancelled (1)',
      '"g" rests on one run: it has no spread and no interval',
    ]);
  });

  it('pools by a hyper-parameter where asked, and says that definitions are pooled', async () => {
    for (const [at, [group, alpha, test]] of (
      [
        ['a', '0.1', 0.5],
        ['b', '0.1', 0.7],
        ['c', '0.9', 0.9],
      ] as const
    ).entries()) {
      await runWith(`r-${at}`, { group_id: group, seed: at }, [{ epoch: 1, seconds: 1, test }]);
      const row = { run_id: `r-${at}`, name: 'alpha', number: Number(alpha), text: alpha };
      await services().database.insertInto('run_parameter').values(row).execute();
    }
    await runWith('r-3', { group_id: 'd', seed: 3 }, [{ epoch: 1, seconds: 1, test: 0.1 }]);
    const { groups, warnings } = await compare({ groupBy: ['alpha'], baseline: 'alpha=0.9' });
    expect(groups.map((group: { name: string; mean: number }) => [group.name, group.mean])).toEqual([
      ['alpha=0.1', 0.6],
      ['alpha=0.9', 0.9],
      ['alpha=none', 0.1],
    ]);
    expect(groups[0].difference).toBeCloseTo(-0.3, 12);
    expect(messagesOf(warnings)).toContain('"alpha=0.1" pools 2 definitions: its spread is not that of the seed alone');
  });

  it('warns where one seed counts twice, and where a time budget compares machines', async () => {
    await insertExperiment(services(), { id: 'second', name: 'Second' });
    await runWith('a', { group_id: 'g', device: 'cpu', engine: 'native' }, [{ epoch: 1, seconds: 1, test: 0.5 }]);
    const elsewhere = { group_id: 'g', experiment_id: 'second', device: 'gpu', engine: 'native' };
    await runWith('b', elsewhere, [{ epoch: 1, seconds: 1, test: 0.5 }]);
    const { warnings } = await compare({ ids: ['experiment', 'second'], at: { point: 'WALL_CLOCK', seconds: 5 } });
    expect(messagesOf(warnings)).toEqual([
      'runs were carried out with native on cpu, native on gpu: a time budget compares these machines as well',
      '"g" rests on 2 runs: its interval tells little',
      '"g" has several runs of seed 0: they are not independent of each other',
    ]);
  });

  it('tells variants of one name in two experiments apart', async () => {
    await insertExperiment(services(), { id: 'second', name: 'Second' });
    await runWith('a', { group_id: 'g1', variant: 'kd' }, [{ epoch: 1, seconds: 1, test: 0.5 }]);
    await runWith('b', { group_id: 'g2', variant: 'kd', experiment_id: 'second' }, []);
    const { groups } = await compare({ ids: ['second', 'experiment'] });
    expect(groups.map(({ name }: { name: string }) => name)).toEqual(['kd (Second)', 'kd (First)']);
  });

  it.each([
    ['an unknown experiment', { ids: ['experiment', 'no'] }, [['experimentIds.1', /"no"/]]],
    ['an unknown metric, with those there are', { metric: 'test/acuracy' }, [['metric', /there are test\/accuracy/]]],
    ['an unknown baseline, with the groups there are', { baseline: 'x' }, [['baseline', /name one of "g"/]]],
    ['an epoch where none is read', { at: { point: 'FINAL', epoch: 3 } }, [['at.epoch', /FINAL takes no epoch/]]],
    ['seconds where none are read', { at: { point: 'EPOCH', epoch: 1, seconds: 3 } }, [['at.seconds', /WALL_CLOCK/]]],
    [
      'selecting on test by a metric of another split',
      { metric: 'dev/accuracy', at: { point: 'BEST_ON_TEST' } },
      [['at.point', /given dev\/accuracy/]],
    ],
    [
      'several things at once',
      { metric: '', at: { point: 'EPOCH' }, groupBy: ['beta'] },
      [
        ['at.epoch', /takes an epoch/],
        ['metric', /empty/],
        ['groupBy.0', /"beta"/],
      ],
    ],
  ])('refuses %s', async (_, given, expected) => {
    await runWith('r', { group_id: 'g' }, [{ epoch: 1, seconds: 1, test: 0.5 }]);
    const outcome = await compare(given);
    expect(outcome.__typename).toBe('InvalidInput');
    expect(outcome.problems).toEqual(
      expected.map(([path, message]) => ({ path, message: expect.stringMatching(message as RegExp) })),
    );
  });
});
