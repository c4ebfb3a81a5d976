import type { Services } from '../../../api/context/context';
import { insertAttempt, insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';
import { experimentInput } from '../../testkit/experiment-input';

const services = useTestServices();

const plan = async (changes: object = {}, slots: number | null = null, given: Partial<Services> = {}) =>
  (
    await dataOf(
      { ...services(), ...given },
      `query ($input: ExperimentInput!, $slots: Int) { planExperiment(input: $input, slots: $slots) { __typename
        ... on ExperimentPlan {
          runs variants seconds cost slots wallClockSeconds notes methods { method runs epochs seconds cost basis } }
        ... on Failure { problems { path message } } } }`,
      { input: experimentInput(changes), slots },
    )
  ).planExperiment;

const data = { train: '/data/train.csv', test: '/data/test.csv' };

async function earlier(
  id: string,
  seconds: number,
  given: { epochs: number; train?: string; cost?: number; method?: 'finetune' | 'kd' },
) {
  const { method = 'scratch' } = given;
  const teacher = method === 'scratch' ? null : { kind: 'random' as const };
  await insertRun(
    services(),
    id,
    { state: 'SUCCEEDED', method, elapsed_seconds: seconds, cost: given.cost ?? null, attempt: 1 },
    { method, teacher, data: { ...data, train: given.train ?? data.train }, parameters: { epochs: given.epochs } },
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

  it('says what is wrong with the slots beside what is wrong with the definition', async () => {
    const { problems } = await plan({ seeds: [] }, 0);
    expect(problems.map(({ path }: { path: string }) => path)).toEqual(['slots', 'seeds']);
  });

  it('tells the wall clock of the slots: students wait for their teacher, what needs none fills the other slots', async () => {
    await earlier('teacher', 100, { epochs: 2, method: 'finetune' });
    await earlier('scratch', 30, { epochs: 1 });
    await earlier('kd', 50, { epochs: 1, method: 'kd' });
    const changes = { parameters: { epochs: 1 } };
    // The teacher takes 100 s, two of scratch 30 s each, two of kd, after the teacher, 50 s each.
    const wallClock = async (slots: number | null, given: Partial<Services> = {}) => {
      const { slots: counted, wallClockSeconds, seconds } = await plan(changes, slots, given);
      expect(seconds).toBe(260);
      return [counted, wallClockSeconds];
    };
    expect(await wallClock(1)).toEqual([1, 260]);
    // One slot: 30, 30, then from 100 on kd; the other: the teacher, then kd.
    expect(await wallClock(2)).toEqual([2, 150]);
    expect(await wallClock(100)).toEqual([100, 150]);
    // Without a number: the slots of the service; on AWS it has none, and every run a machine.
    expect(await wallClock(null, { slots: 1 })).toEqual([1, 260]);
    expect(await wallClock(null)).toEqual([null, 150]);
    expect(await wallClock(null, { slots: 0 })).toEqual([0, null]);
    expect((await plan(changes, 0)).problems).toEqual([{ path: 'slots', message: '0 must be 1 or more' }]);
  });

  it('prices by time where no earlier run has a cost and the price of the machine is known by now', async () => {
    await earlier('a', 36, { epochs: 1 });
    const scratch = { variants: [{ name: 'scratch', method: 'scratch' }], teacher: null, parameters: { epochs: 5 } };
    // 2 seeds of 5 epochs are 360 s.
    expect(await plan(scratch)).toMatchObject({ seconds: 360, cost: null });
    expect(await plan(scratch, null, { prices: { perHour: 2, machines: new Map() } })).toMatchObject({
      cost: expect.closeTo(0.2, 12),
      methods: [{ basis: expect.stringContaining('; its cost by 2 USD an hour, set for this service') }],
    });
    await insertAttempt(services(), { run_id: 'a', instance_type: 'g5.xlarge', capacity: 'on-demand' });
    expect(await plan(scratch)).toMatchObject({
      cost: expect.closeTo(0.1 * (1.006 + 4.8 / 730 + 0.005), 12),
      methods: [{ basis: expect.stringMatching(/its cost by 1\.0176 USD an hour, list price on demand/) }],
    });
    // What earlier runs did cost comes first.
    await earlier('b', 36, { epochs: 1, cost: 0.5 });
    expect(await plan(scratch)).toMatchObject({ cost: 5 });
  });

  it('on AWS prices by the machine that is asked for, where earlier runs had none', async () => {
    await earlier('a', 36, { epochs: 1 });
    const scratch = { variants: [{ name: 'scratch', method: 'scratch' }], teacher: null, parameters: { epochs: 5 } };
    const onAws = { region: 'eu-west-1', slots: 16 };
    const planned = await plan({ ...scratch, compute: { gpu: 'g4dn', capacity: 'onDemand' } }, null, onAws);
    expect(planned).toMatchObject({ slots: 16, cost: expect.closeTo(0.1 * (0.526 + 4.8 / 730 + 0.005), 12) });
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
