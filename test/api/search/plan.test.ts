import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';
import { experimentInput } from '../../testkit/experiment-input';

const services = useTestServices();

const plan = async (changes: object = {}) =>
  (
    await dataOf(
      services(),
      `query ($input: ExperimentInput!) { planExperiment(input: $input) { __typename
        ... on ExperimentPlan { runs variants seconds cost notes methods { method runs epochs seconds cost basis } }
        ... on Failure { problems { path message } } } }`,
      { input: experimentInput(changes) },
    )
  ).planExperiment;

const data = { train: '/data/train.csv', test: '/data/test.csv' };

async function earlier(id: string, seconds: number, given: { epochs: number; train?: string; cost?: number }) {
  await insertRun(
    services(),
    id,
    { state: 'SUCCEEDED', method: 'scratch', elapsed_seconds: seconds, cost: given.cost ?? null },
    { data: { ...data, train: given.train ?? data.train }, parameters: { epochs: given.epochs } },
  );
}

beforeEach(() => insertExperiment(services()));

describe('the plan of an experiment', () => {
  it('counts runs and epochs by method, and stores nothing', async () => {
    const planned = await plan({
      parameters: { epochs: 3 },
      grid: [{ parameter: 'alpha', values: [0.3, 0.6] }],
      variants: [
        { name: 'scratch', method: 'scratch' },
        { name: 'kd', method: 'kd' },
      ],
    });
    expect(planned).toMatchObject({ runs: 1 + 2 + 4, variants: 1 + 1 + 2, seconds: null, cost: null });
    expect(planned.methods).toEqual([
      { method: 'finetune', runs: 1, epochs: 2, seconds: null, cost: null, basis: 'no earlier run of finetune' },
      { method: 'scratch', runs: 2, epochs: 6, seconds: null, cost: null, basis: 'no earlier run of scratch' },
      { method: 'kd', runs: 4, epochs: 12, seconds: null, cost: null, basis: 'no earlier run of kd' },
    ]);
    expect(await services().database.selectFrom('run').select('id').execute()).toEqual([]);
  });

  it('estimates time and cost by the median of earlier runs of the method on these data', async () => {
    // 10, 20 and 60 s an epoch: the median is 20 s. What ran on other data does not count.
    await earlier('a', 20, { epochs: 2, cost: 0.02 });
    await earlier('b', 20, { epochs: 1 });
    await earlier('c', 120, { epochs: 2 });
    await earlier('d', 9999, { epochs: 1, train: '/other/train.csv' });
    const scratch = { variants: [{ name: 'scratch', method: 'scratch' }], teacher: null, parameters: { epochs: 5 } };
    expect(await plan(scratch)).toMatchObject({
      ...{ runs: 2, seconds: 2 * 5 * 20, cost: expect.closeTo(2 * 5 * 0.01, 12) },
      methods: [{ basis: 'the median of 3 earlier runs of these data' }],
    });
    // Half of the rows take half of the time.
    expect(await plan({ ...scratch, parameters: { epochs: 5, trainShare: 0.5 } })).toMatchObject({ seconds: 100 });
  });

  it('calls its figures an upper bound where runs may be stopped', async () => {
    expect((await plan({ halving: {} })).notes).toEqual([
      expect.stringContaining('one after another'),
      expect.stringContaining('upper bound'),
    ]);
  });

  it('is refused with all that is wrong with the definition', async () => {
    const { problems } = await plan({ name: '', grid: [{ parameter: 'magic', values: [1] }] });
    expect(problems.map(({ path }: { path: string }) => path)).toEqual(['name', 'grid.0.parameter']);
  });
});
