import { drawPoints } from '../../../api/definition/random-search';
import type { RunSpec } from '../../../contract/run-spec';
import { useTestServices } from '../../testkit/api-services';
import { dataOf } from '../../testkit/ask';
import { createExperimentMutation, experimentInput } from '../../testkit/experiment-input';

const services = useTestServices();

const create = async (changes: object) =>
  (await dataOf(services(), createExperimentMutation, { input: experimentInput({ seeds: [0], ...changes }) }))
    .createExperiment;

const storedSpecs = async (): Promise<RunSpec[]> => {
  const rows = await services().database.selectFrom('run').select('spec').orderBy('position').execute();
  return rows.map(({ spec }) => JSON.parse(spec));
};

const variants = [
  { name: 'scratch', method: 'scratch' },
  { name: 'kd', method: 'kd' },
];

const problemPaths = async (changes: object): Promise<string[]> =>
  (await create(changes)).problems.map(({ path }: { path: string }) => path);

describe('an experiment with a random search', () => {
  const space = [
    { parameter: 'studentLearningRate', distribution: 'logUniform', low: 1e-4, high: 1e-2 },
    { parameter: 'temperature', distribution: 'uniform', low: 1, high: 8 },
  ];
  const drawn = drawPoints({
    ...{ samples: 3, seed: 7 },
    space: space.map((dimension) => ({
      ...dimension,
      distribution: dimension.distribution === 'uniform' ? ('uniform' as const) : ('log-uniform' as const),
    })),
  });

  it('gives every variant the same draws of what it reads, combined with the grid', async () => {
    const grid = [{ parameter: 'batchSize', values: [16, 32] }];
    expect(await create({ variants, grid, random: { samples: 3, seed: 7, space } })).toMatchObject({
      __typename: 'ExperimentPayload',
    });
    const [, ...specs] = await storedSpecs();
    expect(specs).toHaveLength(2 * 2 * 3);
    const ratesOf = (method: string) =>
      specs.filter((spec) => spec.method === method).map(({ parameters }) => parameters.studentLearningRate);
    const rates = drawn.map((point) => point.studentLearningRate);
    expect(ratesOf('scratch')).toEqual([...rates, ...rates]);
    expect(ratesOf('kd')).toEqual([...rates, ...rates]);
    expect(specs.filter(({ method }) => method === 'kd')[0]!.variant).toBe(
      `kd [batchSize=16, studentLearningRate=${rates[0]}, temperature=${drawn[0]!.temperature}]`,
    );
  });

  it('makes one run of draws that are alike in what a variant reads', async () => {
    const choice = [{ parameter: 'loss', distribution: 'choice', values: ['kl', 'mse'] }];
    await create({ variants: [variants[1]], random: { samples: 40, space: choice } });
    const names = (await storedSpecs()).slice(1).map(({ variant }) => variant);
    expect(names.sort()).toEqual(['kd [loss=kl]', 'kd [loss=mse]']);
  });

  it('numbers points whose values would make a name too long', async () => {
    const many = ['studentDropout', 'alpha', 'studentWeightDecay', 'studentLearningRate', 'devShare'].map(
      (parameter) => ({
        ...{ parameter, distribution: 'uniform', low: 0.1, high: 0.4 },
      }),
    );
    await create({ variants: [variants[1]], random: { samples: 2, space: many } });
    expect((await storedSpecs()).slice(1).map(({ variant }) => variant)).toEqual(['kd [point 1]', 'kd [point 2]']);
  });

  it('refuses what is wrong with it, where it is wrong, beside all else', async () => {
    expect(
      await problemPaths({
        name: '',
        variants,
        parameters: { temperature: 3 },
        grid: [{ parameter: 'alpha', values: [0.5] }],
        random: {
          samples: 2,
          space: [
            { parameter: 'temperature', distribution: 'uniform', low: 1, high: 2 },
            { parameter: 'alpha', distribution: 'uniform', low: 0, high: 1 },
            { parameter: 'magic', distribution: 'int', low: 3, high: 1 },
            { parameter: 'loraRank', distribution: 'int', low: 2, high: 8 },
          ],
        },
        halving: { minEpochs: 0, reduction: 1 },
      }),
    ).toEqual([
      'name',
      'random.space.2.low',
      'parameters.temperature',
      'random.space.1.parameter',
      'random.space.2.parameter',
      'random.space.3.parameter',
      'halving.minEpochs',
      'halving.reduction',
    ]);
  });

  it('tells a value that the hyper-parameter does not take by its dimension', async () => {
    const tooFar = [{ parameter: 'alpha', distribution: 'uniform', low: 2, high: 3 }];
    expect(await problemPaths({ variants, random: { samples: 1, space: tooFar } })).toEqual(['random.space.0']);
  });

  it('counts before anything is expanded', async () => {
    const outcome = await create({ variants, random: { samples: 500, space }, seeds: [0, 1, 2] });
    expect(outcome.problems).toEqual([
      {
        path: 'random',
        message:
          '1000 points of variants, grid and random search x 3 seeds make 3001 runs, at most 1000 are allowed: give fewer values, samples or seeds',
      },
    ]);
  });
});
