import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, parse, validate } from 'graphql';
import { type Api, ApiError } from '../../client/graphql';
import { textOf as textOfOperation } from '../../client/operation';
import { curveChart } from '../../report/charts';
import { fetchReport } from '../../report/fetch';
import { readOptions } from '../../report/options';
import { page } from '../../report/page';
import * as queries from '../../report/queries';
import { insertAttempt, insertExperiment, useTestServices } from '../testkit/api-services';
import { dataOf } from '../testkit/ask';
import { insertEvaluatedRun, writeTestPredictions } from '../testkit/evaluated-run';
import { createExperimentMutation } from '../testkit/experiment-input';
import { writeAttempt, writeResult } from '../testkit/written-run';

const services = useTestServices();

/** The API without a transport: the same operations, held to the same limits. */
const api: Api = {
  request: (operation, variables) =>
    dataOf(services(), textOfOperation(operation), variables as Record<string, unknown>),
  follow: () => {
    throw new Error('a report follows nothing');
  },
  close: async () => {},
};

const labels = Int32Array.from({ length: 200 }, (_, row) => row % 2);
const classes = ['bad', 'good'];

/** A method that is wrong in `errors` rows, by seed. */
async function group(name: string, errors: readonly number[], given: object = {}) {
  for (const [seed, wrong] of errors.entries()) {
    const id = `${name}-${seed}`;
    const predicted = labels.map((label, row) => (row < wrong ? 1 - label : label));
    const test = 1 - wrong / labels.length;
    await insertEvaluatedRun(services(), id, { group_id: name, method: name, seed, ...given }, [
      { epoch: 1, seconds: 2, dev: 0.5, test: test - 0.1 },
      { epoch: 2, seconds: 4, dev: 0.9, test },
    ]);
    const f1 = { epoch: 2, step: 20, elapsed_seconds: 4, name: 'test/macro-f1', value: test };
    await services()
      .database.insertInto('epoch_metric')
      .values({ run_id: id, ...f1 })
      .execute();
    await writeTestPredictions(services().objects, id, 2, { labels, predicted, classes });
  }
}

const wanted = { experiment: 'experiment', at: { point: 'BEST_ON_DEV' as const }, allowDifferentData: false };
const made = { command: 'npm run report -- experiment', writtenAt: new Date('2026-01-02T03:04:05Z') };
const write = async (given: object = {}) => page(await fetchReport(api, { ...wanted, ...given }), made);

/** What a reader sees: the text without its markup. */
const textOf = (markup: string) =>
  markup
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .replace(/\s+/g, ' ');

const cellsOf = (row: string) =>
  [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) => textOf(cell!).trim());
const rowsOf = (markup: string, caption: string) => {
  const table = markup.split('<table').find((part) => part.includes(`<caption>${caption}`))!;
  return [...table.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) => cellsOf(row!));
};

describe('a report', () => {
  beforeEach(async () => {
    await insertExperiment(services(), {
      name: 'Does it <help>?',
      question: 'Is kd better than scratch?',
      definition: JSON.stringify({ variants: [], seeds: [0, 1, 2], data: {} }),
    });
    await group('scratch', [40, 41, 43, 42, 40]);
    await group('kd', [20, 22, 21, 24, 20]);
  });

  // scipy.stats.ttest_rel of the accuracies (differences .1, .095, .11, .09, .1): interval .08979 to .10821.
  it('answers in plain language before anything else', async () => {
    const text = textOf(await write());
    expect(text).toContain('kd is better than scratch. kd: mean test accuracy 0.8930 (95 %');
    expect(text).toMatch(/Kd is better than scratch by 9\.9 points \(95 % 9\.0 to 10\.8\), 5 seeds, Holm p < \.001\./);
    expect(text.indexOf('kd is better')).toBeLessThan(text.indexOf('Results'));
  });

  it('says that there is no winner where none can be told', async () => {
    await group('kd-mse', [20, 22, 20, 25, 20]);
    expect(textOf(await write())).toContain('is better than scratch; these runs do not tell it from kd');
  });

  it('has a table with the means, the intervals and the verdicts', async () => {
    const rows = rowsOf(await write(), 'Test accuracy by variant');
    expect(rows[0]).toEqual([
      'Variant',
      'n',
      'Mean',
      'SD',
      '95 % interval',
      'Points over baseline',
      'Holm p',
      'Verdict',
    ]);
    expect(rows[1]!.slice(0, 3)).toEqual(['scratch', '5', '0.7940']);
    expect(rows[1]!.at(-1)).toBe('baseline');
    expect(rows[2]!.slice(5)).toEqual(['+9.9', '< .001', 'better']);
  });

  it('has every test of every pair', async () => {
    const [heading, pair] = rowsOf(await write(), 'Test accuracy: every pair');
    expect(heading).toContain('McNemar Holm p');
    expect(pair![0]).toBe('kd − scratch');
    expect(pair!.at(-1)).toBe('better');
    expect(pair!.every((cell) => cell !== '')).toBe(true);
  });

  it('is one page that needs no network, well-formed and with words for every picture', async () => {
    const markup = await write();
    expect(markup).not.toMatch(/(src|href)=|url\(|@import|<script|<link/);
    expect(textOf(markup)).toContain('Does it <help>?');
    expect(markup).not.toContain('<help>');
    const pictures = [...markup.matchAll(/<svg [^>]*>/g)].map(([tag]) => tag);
    expect(pictures).toHaveLength(2);
    for (const tag of pictures) expect(tag).toMatch(/role="img" aria-label="[^"]{10,}"/);
    expect(unclosed(markup)).toEqual([]);
    expect(markup).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });

  it('tells of what was left out', async () => {
    await insertEvaluatedRun(
      services(),
      'lost',
      { group_id: 'kd', seed: 9, state: 'FAILED', failure_kind: 'crash', failure_message: 'out of memory' },
      [],
    );
    const text = textOf(await write());
    expect(text).toContain('"kd": 1 of 6 runs are left out: failed (1)');
    expect(text).toContain('"kd" seed 9 failed: out of memory');
  });

  it('tells a note of several variants once', async () => {
    const set = { result_notes: JSON.stringify(['few rows']) };
    await services().database.updateTable('run').set(set).where('seed', '=', 1).execute();
    expect(await write()).toContain('<li>&#34;scratch&#34; and &#34;kd&#34;: few rows</li>');
  });

  it('has settings that differ as columns where variants are more', async () => {
    const evaluated = [{ epoch: 1, seconds: 2, dev: 0.5, test: 0.7 }];
    const given = { group_id: 'glove', method: 'scratch' };
    await insertEvaluatedRun(services(), 'glove-0', given, evaluated, {
      student: { kind: 'bilstm', vectors: '/glove.txt' },
    });
    expect(rowsOf(await write(), 'Hyper-parameters that differ')).toEqual([
      ['Variant', 'vectors'],
      ['scratch', 'none'],
      ['kd', 'none'],
      ['glove', '/glove.txt'],
    ]);
  });

  it('is marked where the test set selected', async () => {
    const text = textOf(await write({ at: { point: 'BEST_ON_TEST' } }));
    expect(text).toContain('The epochs shown were selected on the test set.');
  });

  it('tells time, energy and cost in all, and for each point over the baseline', async () => {
    const took = (group: string, seconds: number, wattHours: number, cost: number, source: 'measured' | 'estimated') =>
      services()
        .database.updateTable('run')
        .set({ billed_seconds: seconds, energy_watt_hours: wattHours, energy_source: source, cost })
        .where('group_id', '=', group)
        .execute();
    await took('scratch', 100, 2, 0.2, 'measured');
    await took('kd', 298, 21.8, 1.19, 'estimated');
    await insertAttempt(services(), {
      run_id: 'kd-0',
      price_source: 'list price',
      instance_type: 'g5.xlarge',
      capacity: 'spot',
      price_per_hour: 1.006,
    });

    const markup = await write();
    // kd is 9.9 points above scratch and takes 198 s, 19.8 Wh and 0.99 USD more a run.
    expect(rowsOf(markup, 'A run, mean over seeds')).toEqual([
      [
        ...['Variant', 'Time to the compared epoch', 'Time', 'Energy', 'Cost'],
        ...['Points over scratch', 'Time a point', 'Energy a point', 'Cost a point'],
      ],
      ['scratch', '4.0 s', '1 min 40 s', '2 Wh', '$0.20', 'baseline', '–', '–', '–'],
      ['kd', '4.0 s', '4 min 58 s', '≈ 22 Wh', '$1.19', '+9.9', '20 s', '≈ 2 Wh', '$0.10'],
    ]);
    const totals = rowsOf(markup, 'In all').map((cells) => cells.slice(0, 5));
    expect(totals.slice(1)).toEqual([
      ['scratch', '5', '8 min 20 s', '10 Wh', '$1.00'],
      ['kd', '5', '24 min 50 s', '≈ 109 Wh', '$5.95'],
      ['All', '10', '33 min 10 s', '≈ 119 Wh', '$6.95'],
    ]);
    expect(textOf(markup)).toContain('Cost is by the hour: g5.xlarge, spot $1.01, list price.');
  });

  it('says what runs of earlier versions did not record, and which runs they are', async () => {
    await services()
      .database.updateTable('run')
      .set({ elapsed_seconds: 60 })
      .where('group_id', 'in', ['kd', 'scratch'])
      .execute();
    const markup = await write();
    expect(rowsOf(markup, 'In all')[1]!.slice(0, 3)).toEqual(['scratch', '5', '5 min 0 s']);
    expect(rowsOf(markup, 'In all')[0]).toEqual(['Variant', 'Runs', 'Time', 'Parameters trained', 'Model']);
    for (const words of ['whole process was not recorded', 'Energy was not recorded.', 'Cost was not recorded.'])
      expect(textOf(markup)).toContain(words);

    const billed = { billed_seconds: 90, energy_watt_hours: 1, energy_source: 'measured' } as const;
    await services().database.updateTable('run').set(billed).where('id', '=', 'kd-0').execute();
    const text = textOf(await write());
    for (const words of ['The energy of 9 runs was not', 'Of 9 runs it is that of training', 'no price of the machine'])
      expect(text).toContain(words);
    expect(text).toContain('1 Wh (of 1 run)');
  });

  it('names the data by its content, and the code', async () => {
    const [train, test] = ['ab'.repeat(32), 'cd'.repeat(32)];
    await writeAttempt(services().objects, 'kd-0', 1, null, { code: '0.1.0+85a612e', node: 'v22.1.0' });
    await writeResult(services().objects, 'kd-0', 1, {
      rows: { train: 9000, quiz: 10, dev: 20, test: 2388 },
      dataFiles: { train: { sha256: train, rows: 9543 }, test: { sha256: test, rows: 2388 } },
    });
    const facts = async () => Object.fromEntries(rowsOf(await write(), 'Where, with what'));
    expect(await facts()).toMatchObject({
      'Train file': `9,543 rows, SHA-256 ${train}`,
      'Test file': `2,388 rows, SHA-256 ${test}`,
      Rows: '9,000 train, 10 quiz, 20 dev, 2,388 test',
      Code: 'version 0.1.0, commit 85a612e',
      'Node.js': 'v22.1.0',
    });
    // Of an earlier trainer.
    await writeAttempt(services().objects, 'kd-1', 1, null, { code: '0.1.0' });
    await writeResult(services().objects, 'kd-1');
    expect(await facts()).toMatchObject({
      'Train file': `9,543 rows, SHA-256 ${train}; not recorded`,
      Code: 'version 0.1.0, commit 85a612e; version 0.1.0, commit not recorded',
    });
  });

  it('takes the baseline that is wanted, and says which there are', async () => {
    expect(rowsOf(await write({ baseline: 'kd' }), 'Test accuracy by variant, against kd')[1]!.at(-1)).toBe('worse');
    await expect(write({ baseline: 'x' })).rejects.toThrow(
      '--baseline: there is no group "x": name one of "scratch", "kd"',
    );
  });

  it('finds the experiment by its name', async () => {
    expect(textOf(await write({ experiment: 'Does it' }))).toContain('Is kd better');
    await expect(write({ experiment: 'nothing' })).rejects.toThrow(ApiError);
  });
});

describe('the definition in a report', () => {
  const definition = {
    name: 'Quoted "names" & <tags>, [lists\n]',
    question: 'Does it carry over?',
    data: { train: '/data/train.csv', test: '/data/test.csv', textColumn: 'a "b"', classes: ['[no]', 'yes'] },
    teacher: { random: { layers: 1, hidden: 8 }, finetune: { method: 'finetune-lora', parameters: { epochs: 2 } } },
    parameters: { epochs: 3, studentLearningRate: 1e-7 },
    variants: [
      { name: 'scratch', method: 'scratch' },
      { name: 'lora', method: 'meta-lora', parameters: { loraTargets: ['query', 'value'] } },
    ],
    seeds: [0, 4_000_000_000],
    grid: [{ parameter: 'batchSize', values: [8, 16] }],
    random: {
      samples: 2,
      seed: 7,
      space: [{ parameter: 'studentDropout', distribution: 'uniform', low: 0.1, high: 0.2 }],
    },
    halving: { minEpochs: 1, reduction: 2 },
    execution: { engine: 'portable', logEverySteps: 3 },
    compute: { capacity: 'spot' },
    maxCost: 12.5,
    tags: ['one', 'two'],
  };

  it('launches an equal experiment', async () => {
    const id = await launch(definition);
    await finishRun(id);
    const markup = await write({ experiment: id });
    const printed = /<pre>(.*?)<\/pre>/s.exec(markup)![1]!;
    const again = await launch(JSON.parse(unescaped(printed)));

    const [first, second] = [await stored(id), await stored(again)];
    expect(second.definition).toEqual(first.definition);
    expect(second.definition).toMatchObject({ ...definition, variants: [{}, {}] });
    expect(second.specs).toEqual(first.specs);
    expect(second.specs.length).toBe(1 + (4 + 2 * 2) * 2);
  });

  async function launch(input: object): Promise<string> {
    const variables = { input, launch: true };
    const { createExperiment } = await dataOf(services(), createExperimentMutation, variables);
    expect(createExperiment).toMatchObject({ __typename: 'ExperimentPayload' });
    return createExperiment.experiment.id;
  }

  /** As if its trainer had been there. */
  async function finishRun(experimentId: string): Promise<void> {
    const { database } = services();
    const { id } = await database
      .selectFrom('run')
      .select('id')
      .where('experiment_id', '=', experimentId)
      .where('method', '=', 'scratch')
      .executeTakeFirstOrThrow();
    await database.updateTable('run').set({ state: 'SUCCEEDED' }).where('id', '=', id).execute();
    const epoch = { run_id: id, epoch: 1, step: 1, elapsed_seconds: 1, value: 0.5 };
    const names = ['dev/accuracy', 'test/accuracy', 'test/macro-f1'];
    await database
      .insertInto('epoch_metric')
      .values(names.map((name) => ({ ...epoch, name })))
      .execute();
  }

  /** The definition, and the specs of its runs in their order, without the ids that are theirs alone. */
  async function stored(experimentId: string) {
    const { database } = services();
    const experiment = await database
      .selectFrom('experiment')
      .select('definition')
      .where('id', '=', experimentId)
      .executeTakeFirstOrThrow();
    const runs = await database
      .selectFrom('run')
      .select('spec')
      .where('experiment_id', '=', experimentId)
      .orderBy('position')
      .execute();
    const specs = runs.map(({ spec }) => JSON.parse(spec.replaceAll(experimentId, 'ID')));
    return { definition: JSON.parse(experiment.definition), specs };
  }

  const unescaped = (markup: string) => markup.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
});

it('there is nothing to report before a run has finished', async () => {
  await insertExperiment(services(), { name: 'New' });
  await expect(write()).rejects.toThrow('"New" has no finished run yet');
});

it('every operation of the report is one of the schema', () => {
  const schema = buildSchema(readFileSync(join(__dirname, '../../schema.graphql'), 'utf8'));
  for (const operation of Object.values(queries))
    expect(validate(schema, parse(textOfOperation<unknown, never>(operation))).map(({ message }) => message)).toEqual(
      [],
    );
});

it('curves are drawn with their bands, and named', () => {
  const points = [1, 2, 3].map((x) => ({ x, mean: x / 10, low: x / 10 - 0.05, high: x / 10 + 0.05 }));
  const curves = [{ name: 'kd', place: 0, points }];
  const references = [{ name: 'teacher', value: 0.5 }];
  const words = { title: 'Accuracy', xLabel: 'epoch', yLabel: 'accuracy' };
  const { text } = curveChart({ ...words, curves, references, wholeTicks: true });
  expect(text).toContain('aria-label="Accuracy: kd ends at 0.3000"');
  expect([...text.matchAll(/<path class="line" d="M[^"]*"/g)]).toHaveLength(1);
  expect([...text.matchAll(/<circle/g)]).toHaveLength(3);
  expect([...text.matchAll(/<text class="tick"[^>]*text-anchor="middle">([^<]*)</g)].map(([, tick]) => tick)).toEqual([
    '1',
    '2',
    '3',
  ]);
  for (const part of ['class="reference"', '>teacher<', '>kd<']) expect(text).toContain(part);
});

describe('the options', () => {
  it.each([
    ['best-on-dev', { point: 'BEST_ON_DEV' }],
    ['epoch=5', { point: 'EPOCH', epoch: 5 }],
    ['seconds=1.5', { point: 'WALL_CLOCK', seconds: 1.5 }],
  ])('take --at %s', (word, at) => {
    expect(readOptions(['e1', '--at', word])).toMatchObject({ kind: 'run', options: { experiment: 'e1', at } });
  });

  it('say what is wrong, all at once', () => {
    const read = readOptions(['--at', 'sometime', '--server', 'x']);
    expect(read).toMatchObject({ kind: 'help', exitCode: 2 });
    const { text } = read as { text: string };
    for (const part of ['experiment: must be the id', '--at: must be best-on-dev, final', '--server'])
      expect(text).toContain(part);
  });
});

/** Elements that are opened and not closed, or closed and not open, in the order in which they are met. */
function unclosed(markup: string): string[] {
  const open: string[] = [];
  for (const [, slash, name, rest] of markup.matchAll(/<(\/?)([a-z]+[0-9]?)([^>]*)>/g)) {
    if (['meta', 'br'].includes(name!) || rest!.endsWith('/')) continue;
    if (slash === '') open.push(name!);
    else if (open.pop() !== name) return [`</${name}>`];
  }
  return open;
}
