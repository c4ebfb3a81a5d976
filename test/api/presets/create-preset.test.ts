import { type PresetName, presetNames, presets } from '../../../contract/presets';
import type { RunSpec } from '../../../contract/run-spec';
import { useTestServices } from '../../testkit/api-services';
import { ask, dataOf } from '../../testkit/ask';
import { outcomeFields } from '../../testkit/experiment-input';

const services = useTestServices();

const create = async (preset: PresetName, changes: object = {}) => {
  const input = {
    preset,
    data: { train: '/data/train.csv', test: '/data/test.csv' },
    teacher: { folder: '/models/transformer/forward' },
    seeds: [0, 1],
    ...changes,
  };
  const source = `mutation ($input: PresetExperimentInput!) { createExperimentFromPreset(input: $input) { ${outcomeFields} } }`;
  return (await dataOf(services(), source, { input })).createExperimentFromPreset;
};

const storedSpecs = async (): Promise<RunSpec[]> => {
  const rows = await services().database.selectFrom('run').select('spec').orderBy('position').execute();
  return rows.map(({ spec }) => JSON.parse(spec));
};

describe('an experiment made of a preset', () => {
  it.each([
    ['E1', 9 * 2 + 1, 20],
    ['E2', 6 * 2 + 1, 15],
    ['E3', 6 * 2 + 1, 15],
    ['E4', 6 * 2 + 1, 20],
    ['E5', 4 * 2 + 1, 5],
    ['E7', 3 * 4 * 2 + 1, 20],
    ['E8', 2 + 1, 15],
  ] as const)('%s has %i runs at full size, the fine-tuning of the teacher first', async (preset, runs, epochs) => {
    expect(await create(preset)).toMatchObject({ __typename: 'ExperimentPayload' });
    const [teacher, ...students] = await storedSpecs();
    expect(teacher).toMatchObject({ variant: 'teacher', method: 'finetune', parameters: { epochs: 4, trainShare: 1 } });
    expect(students).toHaveLength(runs - 1);
    expect(new Set(students.map(({ parameters }) => parameters.epochs))).toEqual(new Set([epochs]));
  });

  it('E6 gives the quick methods more epochs than the slow ones, so that none ends within its budget', async () => {
    await create('E6', { seeds: [0] });
    const [, ...students] = await storedSpecs();
    expect(students.map(({ variant, parameters }) => [variant, parameters.epochs])).toEqual([
      ['scratch', 100],
      ['kd-kl', 100],
      ['meta-full', 20],
      ['meta-lora', 20],
    ]);
  });

  it('takes a share of rows and epochs for a quick look, and says so in its name', async () => {
    const outcome = await create('E4', { scale: 0.12, variants: ['scratch', 'kd-kl'] });
    expect(outcome.experiment.name).toBe('E4: comparison of the methods (scale 0.12)');
    const [teacher, ...students] = await storedSpecs();
    expect(teacher!.parameters).toMatchObject({ epochs: 4, trainShare: 0.12 });
    // 0.12 x 20 = 2.4 epochs, rounded up.
    for (const { parameters } of students) expect(parameters).toMatchObject({ epochs: 3, trainShare: 0.12 });
  });

  it('takes what is given in place of its own, within its variants too', async () => {
    await create('E6', { parameters: { epochs: 2 }, seeds: [0], variants: ['scratch', 'meta-lora'] });
    const [, ...students] = await storedSpecs();
    expect(students.map(({ parameters }) => parameters.epochs)).toEqual([2, 2]);
  });

  it('does not fine-tune a teacher that is a finished run', async () => {
    const outcome = await create('E4', { teacher: { run: 'gone' } });
    expect(outcome.problems).toEqual([{ path: 'teacher.run', message: 'there is no run "gone"' }]);
  });

  it('refuses unknown variants and impossible scales, all at once', async () => {
    expect(await create('E2', { scale: 0, variants: ['meta-full ce', 'magic'] })).toMatchObject({
      __typename: 'InvalidInput',
      problems: [
        { path: 'scale', message: '0 must be above 0 and at most 1, the full size' },
        { path: 'variants.1', message: expect.stringContaining('E2 has no variant "magic"; it has meta-full ce') },
      ],
    });
  });

  it('tells what else is wrong beside them, each by the place it was given at', async () => {
    const changes = {
      data: { train: 'train.csv', test: '/t.csv' },
      teacher: {},
      seeds: [-1],
      parameters: { magic: 1 },
    };
    const { problems } = await create('E4', { scale: 2, tags: ['ok', ' '], ...changes });
    expect(problems.map(({ path }: { path: string }) => path)).toEqual([
      ...['scale', 'tags.1', 'teacher', 'seeds.0', 'parameters.magic', 'data.train'],
    ]);
  });

  it('is refused where the schema knows no such preset', async () => {
    const { errors } = await ask(
      services(),
      'mutation { createExperimentFromPreset(input: { preset: E9, data: { train: "/a", test: "/b" }, teacher: {} }) { __typename } }',
    );
    expect(errors[0]?.message).toMatch(/E9/);
  });
});

test('the query of the presets gives the figures of the thesis', async () => {
  const { presets: given } = await dataOf(services(), '{ presets { name variants { name reportedAccuracy } sweep } }');
  expect(given.map(({ name }: { name: string }) => name)).toEqual(presetNames);
  // The bold figure of the thesis's table of optimizers.
  const best = given[0].variants.reduce((a: { reportedAccuracy: number }, b: { reportedAccuracy: number }) =>
    a.reportedAccuracy >= b.reportedAccuracy ? a : b,
  );
  expect(best).toEqual({ name: 'meta-lora rmsprop+adamw', reportedAccuracy: 0.848 });
  expect(given[6].sweep).toEqual(presets.E7.sweep);
});
