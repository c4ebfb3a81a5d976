import { parseRunSpec, type RunSpec, type RunSpecInput } from '../../../contract/run-spec';
import { insertExperiment, insertRun, useTestServices } from '../../testkit/api-services';
import { ask, dataOf } from '../../testkit/ask';
import { createExperimentMutation, experimentInput } from '../../testkit/experiment-input';

const services = useTestServices();

const create = async (changes: object = {}, launch = false) =>
  (await dataOf(services(), createExperimentMutation, { input: experimentInput(changes), launch })).createExperiment;

const storedRuns = () => services().database.selectFrom('run').selectAll().orderBy('position').execute();
const storedSpecs = async () => (await storedRuns()).map(({ spec }): RunSpec => JSON.parse(spec));

async function problemsOf(changes: object): Promise<Record<string, string>> {
  const outcome = await create(changes);
  expect(outcome).toMatchObject({ __typename: 'InvalidInput', kind: 'INVALID_INPUT' });
  expect(await storedRuns()).toEqual([]);
  return Object.fromEntries(
    outcome.problems.map((problem: { path: string; message: string }) => [problem.path, problem.message]),
  );
}

describe('creating an experiment', () => {
  it('makes a draft with the fine-tuning of the teacher first, then every variant with every seed', async () => {
    const outcome = await create({ tags: ['first'] });
    expect(outcome).toMatchObject({
      __typename: 'ExperimentPayload',
      repeated: false,
      experiment: { state: 'draft', tags: ['first'], runCounts: [{ state: 'PENDING', count: 5 }] },
    });
    const runs = await storedRuns();
    expect(runs.map(({ variant, method, seed }) => [variant, method, seed])).toEqual([
      ['teacher', 'finetune', 0],
      ['scratch', 'scratch', 0],
      ['scratch', 'scratch', 1],
      ['kd', 'kd', 0],
      ['kd', 'kd', 1],
    ]);
    expect(services().wakeUps).toBe(0);
  });

  it('has only the runs that need a teacher wait for it, and take its model', async () => {
    await create();
    const teacher = (await storedRuns())[0]!.id;
    expect((await storedRuns()).map((run) => run.depends_on)).toEqual([null, null, null, teacher, teacher]);
    expect((await storedSpecs()).map((spec) => spec.teacher)).toEqual([
      { kind: 'random', layers: 1, hidden: 8, heads: 2, intermediate: 512 },
      null,
      null,
      { kind: 'run', runId: teacher },
      { kind: 'run', runId: teacher },
    ]);
  });

  it('stores specs that are complete: checking one again changes nothing', async () => {
    await create();
    for (const spec of await storedSpecs()) expect(parseRunSpec(spec)).toEqual({ kind: 'valid', value: spec });
  });

  it('refuses inputs that the machines of AWS Batch cannot read, each with what to do', async () => {
    const data = { train: '/data/train.csv', test: 's3://others/test.csv' };
    const teacher = { labels: { location: 's3://inputs/said.csv' } };
    const variants = [{ name: 'black box', method: 'kd' }];
    const input = experimentInput({ data, teacher, variants });
    const onAws = { ...services(), readableBuckets: ['own', 'inputs'] };
    const { createExperiment: refused } = await dataOf(onAws, createExperimentMutation, { input });
    expect(refused.problems).toEqual([
      {
        path: 'data.train',
        message:
          '"/data/train.csv" is a file of one machine, and runs are carried out by others: copy it with "aws s3 cp /data/train.csv s3://own/data/" and give its place there',
      },
      {
        path: 'data.test',
        message:
          'runs may not read bucket "others", but own, inputs: copy it there, or deploy with -c readableBuckets=others',
      },
    ]);
    const readable = { data: { train: 's3://own/train.csv', test: 'hf:owner/name/test.csv' }, teacher, variants };
    const taken = await dataOf(onAws, createExperimentMutation, { input: experimentInput(readable) });
    expect(taken.createExperiment.__typename).toBe('ExperimentPayload');
  });

  it('takes a file of labels for a teacher, and refuses it to methods that want more of one', async () => {
    const teacher = { labels: { location: '/data/said.parquet', gives: 'probabilities', matchBy: 'row' } };
    const problems = await problemsOf({
      teacher: { ...teacher, finetune: {} },
      variants: [
        { name: 'black box', method: 'kd' },
        { name: 'patient', method: 'pkd' },
      ],
    });
    expect(problems['teacher.finetune']).toMatch('a file of labels cannot be fine-tuned');
    expect((await problemsOf({ teacher, variants: [{ name: 'patient', method: 'pkd' }] }))['teacher.labels']).toMatch(
      /method "pkd" reads the teacher's inner states, which a file of labels does not allow/,
    );
    expect(await create({ teacher, variants: [{ name: 'black box', method: 'kd' }] })).toMatchObject({
      __typename: 'ExperimentPayload',
    });
    expect((await storedSpecs())[0]!.teacher).toEqual({
      kind: 'labels',
      location: '/data/said.parquet',
      gives: 'probabilities',
      columns: null,
      matchBy: 'row',
      matchColumn: null,
    });
  });

  it('gives runs one group where they differ in the seed alone', async () => {
    await create({
      variants: [...experimentInput().variants, { name: 'kd too', method: 'kd', parameters: { alpha: 0.7 } }],
    });
    const groups = (await storedRuns()).map((run) => run.group_id);
    expect(new Set(groups).size).toBe(4);
    expect(groups[1]).toBe(groups[2]);
    expect(groups[3]).toBe(groups[4]);
  });

  it('gives a parameter of the experiment to the variants that read it, and those of the data to the teacher too', async () => {
    await create({ parameters: { alpha: 0.2, epochs: 7, devShare: 0.2 } });
    const [teacher, scratch, , kd] = await storedSpecs();
    expect([teacher!, scratch!, kd!].map(({ parameters }) => [parameters.epochs, parameters.devShare])).toEqual([
      [2, 0.2],
      [7, 0.2],
      [7, 0.2],
    ]);
    expect(kd!.parameters.alpha).toBe(0.7);
    expect(scratch!.parameters.alpha).toBe(0.5);
  });

  it('multiplies a variant by the axes of the grid that it reads, and says so in its name', async () => {
    await create({
      seeds: [0],
      teacher: { random: {} },
      grid: [
        { parameter: 'loss', values: ['ce', 'mse'] },
        { parameter: 'temperature', values: [2, 4] },
      ],
    });
    expect((await storedRuns()).map(({ variant }) => variant)).toEqual([
      'scratch',
      'kd [loss=ce, temperature=2]',
      'kd [loss=ce, temperature=4]',
      'kd [loss=mse, temperature=2]',
      'kd [loss=mse, temperature=4]',
    ]);
    expect((await storedSpecs())[3]!.parameters).toMatchObject({ loss: 'mse', temperature: 2, alpha: 0.7 });
  });

  it('keeps the hyper-parameters that a method reads as rows, and no others', async () => {
    await create();
    const rows = await services()
      .database.selectFrom('run_parameter')
      .selectAll()
      .where('name', '=', 'alpha')
      .execute();
    expect(rows.map(({ number, text }) => [number, text])).toEqual([
      [0.7, '0.7'],
      [0.7, '0.7'],
    ]);
  });

  it('takes a definition that is written into the operation itself', async () => {
    const source = `mutation { createExperiment(input: {
      name: "literal", data: { train: "/a.csv", test: "/b.csv", classes: null }, seeds: [4294967295],
      variants: [{ name: "s", method: "scratch", parameters: { epochs: 3, gradientClipping: null } }]
      grid: [{ parameter: "studentUnits", values: [8, 16] }], execution: { engine: portable, threads: 2 }
    }) { __typename } }`;
    expect(await dataOf(services(), source)).toEqual({ createExperiment: { __typename: 'ExperimentPayload' } });
    expect(
      (await storedSpecs()).map(({ seed, parameters, execution }) => [
        seed,
        parameters.studentUnits,
        parameters.epochs,
        parameters.gradientClipping,
        execution.threads,
      ]),
    ).toEqual([
      [4294967295, 8, 3, null, 2],
      [4294967295, 16, 3, null, 2],
    ]);
  });

  it('launches in the same step where asked, and wakes the dispatcher', async () => {
    expect((await create({}, true)).experiment.state).toBe('launched');
    expect(services().wakeUps).toBe(1);
  });

  it('reports everything that is wrong at once, each with its path, what was given and what is allowed', async () => {
    const problems = await problemsOf({
      name: ' ',
      data: { train: 'train.csv', test: '/data/test.csv', classes: ['only one'] },
      seeds: [3, 3, -1],
      tags: ['x', 'x'],
      parameters: { normaliseMetaGradient: true, nonsense: 1 },
      variants: [
        { name: 'a', method: 'kd', parameters: { alpha: 2, loss: 'l1', loraRank: 4 } },
        { name: 'a', method: 'telepathy' },
      ],
      grid: [
        { parameter: 'temperature', values: [2, 2, 0] },
        { parameter: 'batchSize', values: [] },
      ],
      execution: { threads: 0 },
    });
    expect(problems).toEqual({
      name: expect.stringContaining('empty'),
      'data.train': expect.stringMatching(/must be an absolute path, .*hf:.*given "train.csv"/),
      'data.classes': expect.stringContaining('given ["only one"]'),
      'seeds.1': expect.stringContaining('3 is given twice'),
      'seeds.2': expect.stringContaining('-1 must be a whole number from 0'),
      'tags.1': expect.stringContaining('twice'),
      'parameters.normaliseMetaGradient': expect.stringContaining('no variant reads'),
      'parameters.nonsense': expect.stringContaining('there is no hyper-parameter "nonsense"'),
      'variants.0.parameters.alpha': expect.stringMatching(/<=1.*given 2/),
      'variants.0.parameters.loss': expect.stringMatching(/"kl".*given "l1"/),
      'variants.0.parameters.loraRank': expect.stringContaining('kd does not read "loraRank"'),
      'variants.1.name': expect.stringContaining('another variant'),
      'variants.1.method': expect.stringMatching(/"telepathy" is not a method.*meta-lora/),
      'grid.0.values.1': '2 is given twice',
      'grid.0.values.2': expect.stringMatching(/>0.*given 0/),
      'grid.1.values': expect.stringContaining('0 values'),
      'execution.threads': expect.stringContaining('given 0'),
    });
  });

  it.each([
    [
      'data and execution even where no variant can be read',
      { variants: [], data: { train: 'x.csv', test: '/t.csv', classes: ['a', 'a'] }, execution: { threads: 0 } },
      {
        variants: /is empty/,
        'data.train': /absolute path/,
        'data.classes': /names a class twice; given \["a","a"\]/,
        'execution.threads': /given 0/,
      },
    ],
    ['no teacher for a method that needs one', { teacher: null }, { teacher: /"kd" need one/ }],
    ['two places for a teacher', { teacher: { folder: '/t', random: {} } }, { teacher: /folder and random/ }],
    [
      'heads that do not divide the width',
      { teacher: { random: { hidden: 9 } } },
      { 'teacher.random.heads': /2 heads do not divide/ },
    ],
    [
      'a parameter in two places',
      { grid: [{ parameter: 'alpha', values: [0, 1] }] },
      { 'variants.1.parameters.alpha': /grid as well/ },
    ],
    [
      'a run as teacher that is not there',
      { teacher: { run: 'nobody' } },
      { 'teacher.run': /there is no run "nobody"/ },
    ],
    [
      'dev rows that the fine-tuned teacher has learnt',
      { parameters: { splitSeed: null } },
      {
        'parameters.splitSeed':
          /^the rows of "kd" are split by seed 1, those of run "x.*-0000" \("teacher"\), whose model is taken, by 0: .* Set splitSeed to 0$/,
      },
    ],
    [
      'more runs than allowed',
      {
        seeds: Array.from({ length: 100 }, (_, seed) => seed),
        grid: [{ parameter: 'temperature', values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }],
      },
      { grid: /11 points of variants, grid and random search x 100 seeds make 1101 runs, at most 1000/ },
    ],
  ])('refuses %s', async (_, changes, expected) => {
    const problems = await problemsOf(changes);
    expect(Object.keys(problems)).toEqual(Object.keys(expected));
    for (const [path, message] of Object.entries(expected)) expect(problems[path]).toMatch(message);
  });

  it("refuses dev rows that an earlier experiment's teacher has learnt, and takes its split", async () => {
    const spec: Partial<RunSpecInput> = {
      method: 'finetune',
      teacher: { kind: 'random' },
      data: experimentInput().data,
      parameters: { splitSeed: 7 },
    };
    await insertExperiment(services());
    await insertRun(services(), 'earlier', { state: 'SUCCEEDED' }, spec);
    const teacher = { run: 'earlier' };
    expect((await create({ teacher })).problems).toEqual([
      {
        path: 'parameters.splitSeed',
        message: expect.stringContaining('by seed 0, those of run "earlier" ("default"), whose model is taken, by 7'),
      },
    ]);
    expect(await create({ teacher, parameters: { splitSeed: 7 } })).toMatchObject({ __typename: 'ExperimentPayload' });
    const otherRows = { data: { train: '/data/other.csv', test: '/data/test.csv' } };
    expect(await create({ teacher, ...otherRows })).toMatchObject({ __typename: 'ExperimentPayload' });
  });

  it('gives the same answer to the same request, and refuses another under its id', async () => {
    const first = await create({ clientRequestId: 'request-1' });
    const again = await create({ clientRequestId: 'request-1' });
    const other = await create({ clientRequestId: 'request-1', name: 'Another name' });
    expect(again).toEqual({ ...first, repeated: true });
    expect(other).toMatchObject({
      __typename: 'Conflict',
      problems: [{ path: 'clientRequestId', message: expect.stringContaining('another body') }],
    });
    expect(await storedRuns()).toHaveLength(5);
  });

  it('takes the corrected definition under the id of one that was refused', async () => {
    expect(await create({ clientRequestId: 'request-1', seeds: [] })).toMatchObject({ __typename: 'InvalidInput' });
    expect(await create({ clientRequestId: 'request-1' })).toMatchObject({ __typename: 'ExperimentPayload' });
  });

  it('leaves nothing behind where storing fails halfway, and tells the caller nothing of the database', async () => {
    const lines: string[] = [];
    // The experiment and its runs can be stored, their parameters cannot.
    await services().database.schema.dropTable('run_parameter').execute();
    const { data, errors } = await ask(
      services(),
      createExperimentMutation,
      { input: experimentInput({ clientRequestId: 'request-1' }) },
      { log: (line) => lines.push(line) },
    );
    expect(data).toBeNull();
    expect(errors).toHaveLength(1);
    expect(JSON.stringify(errors)).not.toMatch(/run_parameter|sqlite|at /i);
    expect(errors[0]!.extensions).toMatchObject({ code: 'INTERNAL_SERVER_ERROR' });
    expect(lines.join()).toContain(errors[0]!.extensions.id);
    for (const table of ['experiment', 'run', 'idempotency'] as const)
      expect(await services().database.selectFrom(table).selectAll().execute()).toEqual([]);
  });
});
