import { insertExperiment, useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';
import { insertEvaluatedRun } from '../../testkit/evaluated-run';

const services = useTestServices();

const variants = [
  { name: 'kd', method: 'kd', parameters: {} },
  { name: 'scratch', method: 'scratch', parameters: {} },
];

const results = async () =>
  (
    await dataOf(
      services(),
      `{ experiment(id: "experiment") { searchResults { variant points runs stoppedEarly unfinished
        best { name runIds devAccuracy { n mean } testAccuracy { mean standardDeviation } } } } }`,
    )
  ).experiment.searchResults;

const run = (id: string, variant: string, seed: number, epochs: [dev: number, test: number][], given: object = {}) =>
  insertEvaluatedRun(
    services(),
    id,
    { group_id: variant, variant, seed, ...given },
    epochs.map(([dev, test], place) => ({ epoch: place + 1, seconds: place, dev, test })),
  );

async function stop(id: string, variant: string, epoch: number): Promise<void> {
  await services()
    .database.insertInto('rung_result')
    .values({
      ...{ experiment_id: 'experiment', variant, epoch, place: 1, run_id: id, value: 0, goes_on: 0 },
      decided_at: '2026-01-01T00:00:00.000Z',
    })
    .execute();
}

beforeEach(() => insertExperiment(services(), { definition: JSON.stringify({ variants }) }));

describe('the result of a search', () => {
  it('is the point best on dev over its seeds, with what that gets on test', async () => {
    // On test the first point would win; on dev it is the second, by the mean of .8 and .9 at epochs 2 and 1.
    await run('a0', 'kd [alpha=0.1]', 0, [[0.8, 0.99]]);
    await run('a1', 'kd [alpha=0.1]', 1, [[0.8, 0.99]]);
    await run('b0', 'kd [alpha=0.2]', 0, [
      [0.7, 0.1],
      [0.8, 0.6],
    ]);
    await run('b1', 'kd [alpha=0.2]', 1, [
      [0.9, 0.7],
      [0.8, 0.1],
    ]);
    expect(await results()).toEqual([
      {
        ...{ variant: 'kd', points: 2, runs: 4, stoppedEarly: 0, unfinished: 0 },
        best: {
          name: 'kd [alpha=0.2]',
          runIds: ['b0', 'b1'],
          devAccuracy: { n: 2, mean: expect.closeTo(0.85, 12) },
          testAccuracy: {
            mean: expect.closeTo(0.65, 12),
            standardDeviation: expect.closeTo(Math.hypot(0.05, 0.05), 12),
          },
        },
      },
    ]);
  });

  it('is chosen by the metric of the definition, and says which', async () => {
    await services()
      .database.updateTable('experiment')
      .set({ definition: JSON.stringify({ variants, selectBy: 'dev/loss' }) })
      .execute();
    await run('a0', 'kd [alpha=0.1]', 0, [[0.9, 0.1]]);
    await run('b0', 'kd [alpha=0.2]', 0, [[0.1, 0.8]]);
    const loss = (run_id: string, value: number) => ({
      run_id,
      epoch: 1,
      step: 10,
      elapsed_seconds: 0,
      name: 'dev/loss',
      value,
    });
    await services()
      .database.insertInto('epoch_metric')
      .values([loss('a0', 0.7), loss('b0', 0.4)])
      .execute();
    const { experiment } = await dataOf(
      services(),
      '{ experiment(id: "experiment") { searchResults { best { name selectBy selected { mean } testAccuracy { mean } } } } }',
    );
    expect(experiment.searchResults[0].best).toEqual({
      name: 'kd [alpha=0.2]',
      selectBy: 'dev/loss',
      selected: { mean: 0.4 },
      testAccuracy: { mean: 0.8 },
    });
  });

  it('counts what was stopped and what is not over, and takes neither for the best', async () => {
    await run('a', 'kd [alpha=0.1]', 0, [[0.9, 0.9]], { state: 'STOPPED' });
    await run('b', 'kd [alpha=0.2]', 0, [[0.8, 0.8]], { state: 'RUNNING' });
    await run('c', 'kd [alpha=0.3]', 0, [[0.7, 0.6]]);
    expect(await results()).toMatchObject([
      { points: 3, runs: 3, stoppedEarly: 1, unfinished: 1, best: { name: 'kd [alpha=0.3]', runIds: ['c'] } },
    ]);
  });

  it('is none where a variant has one point, and no best while nothing was trained to the end', async () => {
    await run('s', 'scratch', 0, [[0.9, 0.9]]);
    await run('a', 'kd [alpha=0.1]', 0, [[0.9, 0.9]], { state: 'STOPPED' });
    await run('b', 'kd [alpha=0.2]', 0, [], { state: 'PENDING' });
    expect(await results()).toMatchObject([{ variant: 'kd', best: null }]);
  });
});

describe('a comparison with runs that were stopped early', () => {
  const compare = async (at: string) =>
    (
      await dataOf(
        services(),
        `{ compare(experimentIds: ["experiment"], metric: "test/accuracy", at: { ${at} }) { ... on Comparison {
          warnings { kind message } groups { name values { epoch value } missing { reason } } } } }`,
      )
    ).compare;

  beforeEach(async () => {
    // After its rung it went on for an epoch, until its trainer heard of it: that epoch does not count.
    await run(
      'a',
      'kd [alpha=0.1]',
      0,
      [
        [0.5, 0.6],
        [0.9, 0.9],
      ],
      { state: 'STOPPED' },
    );
    await stop('a', 'kd', 1);
    await run('b', 'kd [alpha=0.2]', 0, [
      [0.7, 0.7],
      [0.8, 0.8],
    ]);
  });

  it('takes them up to the rung at which they were stopped, and says so', async () => {
    const { groups, warnings } = await compare('point: BEST_ON_DEV');
    expect(groups.map(({ values }: { values: object[] }) => values)).toEqual([
      [{ epoch: 1, value: 0.6 }],
      [{ epoch: 2, value: 0.8 }],
    ]);
    expect(warnings).toContainEqual({
      kind: 'STOPPED_EARLY',
      message: '"kd [alpha=0.1]": 1 of 1 runs were stopped early and count up to there: epoch 1 (1)',
    });
  });

  it('has no value of them at a later epoch', async () => {
    const { groups } = await compare('point: EPOCH, epoch: 2');
    expect(groups[0].missing).toEqual([{ reason: 'was stopped at epoch 1 by successive halving' }]);
  });
});
