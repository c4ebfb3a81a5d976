import type { EvaluatedRun } from '../../../api/presets/evaluations.store';
import { tablesOf, type VariantRuns } from '../../../api/presets/tables';
import type { PresetTable } from '../../../contract/presets';

type Values = Record<string, number>;

/** A run by its epochs: epoch 0 first where it has figures of the teacher. Each epoch takes ten seconds. */
const run = (seed: number, epochs: Record<number, Values>): EvaluatedRun => ({
  id: `run-${seed}`,
  variant: '',
  method: '',
  seed,
  state: 'SUCCEEDED',
  selectBy: 'dev/accuracy',
  evaluations: Object.entries(epochs).map(([epoch, values]) => ({
    epoch: Number(epoch),
    elapsedSeconds: Number(epoch) * 10,
    values,
  })),
});

const scores = (dev: number, test: number, f1 = 0): Values => ({
  'dev/accuracy': dev,
  'test/accuracy': test,
  'test/macro-f1': f1,
});

const show = (table: PresetTable, variants: VariantRuns[], reported = new Map<string, number>(), scale = 1) =>
  tablesOf(table, variants, { scale, reported }).map(({ columns, rows, notes }) => ({
    columns: columns.map(({ name }) => name),
    rows: rows.map(({ label, cells }) => [label, ...cells.map(({ value }) => value)]),
    n: rows.map(({ cells }) => cells.map(({ n }) => n)),
    notes,
  }));

describe('the table of the best', () => {
  // Seed 0 is best on dev at epoch 1 and on test at epoch 2; seed 1 at epoch 2 in both.
  const kd: VariantRuns = {
    name: 'kd',
    runs: [
      run(0, { 1: scores(0.9, 0.7, 0.5), 2: scores(0.8, 0.8, 0.6) }),
      run(1, { 1: scores(0.6, 0.5, 0.4), 2: scores(0.7, 0.6, 0.5) }),
    ],
  };

  it('shows what dev selects beside the maximum over epochs, and the thesis beside both', () => {
    const [table] = tablesOf({ kind: 'best' }, [kd], { scale: 1, reported: new Map([['kd', 0.79]]) });
    const [row] = table!.rows;
    const cellOf = (name: string) => row!.cells[table!.columns.findIndex((column) => column.name === name)]!;
    expect(cellOf('selected on dev').value).toBeCloseTo((0.7 + 0.6) / 2, 12);
    expect(cellOf('maximum over epochs').value).toBeCloseTo((0.8 + 0.6) / 2, 12);
    expect(cellOf('maximum over epochs').standardDeviation).toBeCloseTo(Math.hypot(0.1, 0.1), 12);
    expect(cellOf('best single run, maximum').value).toBe(0.8);
    expect(cellOf('macro F1, selected on dev').value).toBeCloseTo((0.5 + 0.5) / 2, 12);
    expect(cellOf('thesis')).toEqual({ value: 0.79, standardDeviation: null, n: 0 });
  });

  it('marks the columns in which the test set took part', () => {
    const [table] = tablesOf({ kind: 'best' }, [kd], { scale: 1, reported: new Map() });
    expect(table!.columns.filter(({ selectedOnTest }) => selectedOnTest).map(({ name }) => name)).toEqual([
      'maximum over epochs',
      'best single run, maximum',
    ]);
  });
});

test('the table by epoch leaves out epochs that nobody reached, and says so', () => {
  const scratch = {
    name: 'scratch',
    runs: [run(0, { 5: scores(0.5, 0.6, 0.4) }), run(1, { 5: scores(0.5, 0.8, 0.6) })],
  };
  const [table] = show({ kind: 'at-epochs', epochs: [5, 10] }, [scratch]);
  expect(table).toMatchObject({ columns: ['accuracy, epoch 5', 'macro F1, epoch 5'], n: [[2, 2]] });
  expect(table!.rows[0]!.slice(1)).toEqual([expect.closeTo(0.7, 12), expect.closeTo(0.5, 12)]);
  expect(table!.notes).toEqual(['No run was trained for 10 epochs; the longest has 5.']);
});

test('the table of budgets takes the last evaluation in time, and the teacher as the line to reach', () => {
  const meta = { name: 'meta', runs: [run(0, { 1: scores(0, 0.6), 2: scores(0, 0.7), 3: scores(0, 0.8) })] };
  const teacher = { name: 'teacher', runs: [run(0, { 1: scores(0.9, 0.85), 2: scores(0.8, 0.99) })] };
  // Epochs end after 10, 20 and 30 s; at scale 0.5 the budgets are 5 and 25 s.
  const [table] = show({ kind: 'budgets', seconds: [10, 50] }, [meta, teacher], new Map(), 0.5);
  expect(table!.columns).toEqual(['accuracy after 5 s', 'epochs in 5 s', 'accuracy after 25 s', 'epochs in 25 s']);
  expect(table!.rows).toEqual([
    ['meta', null, null, 0.7, 2],
    ['teacher', 0.85, null, 0.85, null],
  ]);
});

test('the table of temperatures gives the standard deviation over temperatures of the means over seeds', () => {
  const at = (temperature: number, ...accuracies: number[]): VariantRuns => ({
    name: `kd [temperature=${temperature}]`,
    runs: accuracies.map((accuracy, seed) => run(seed, { 1: scores(0.5, accuracy) })),
  });
  // Means .71, .73, .75: their standard deviation is .02.
  const [table] = show({ kind: 'temperature' }, [at(2, 0.7, 0.72), at(3, 0.73, 0.73), at(4, 0.74, 0.76)]);
  expect(table!.columns.slice(0, 3)).toEqual(['temperature 2', 'temperature 3', 'temperature 4']);
  expect(table!.rows).toHaveLength(1);
  expect(table!.rows[0]![0]).toBe('kd');
  expect(table!.rows[0]![4]).toBeCloseTo(0.02, 12);
  expect(table!.n[0]![3]).toBe(3);
});

test('an epoch takes the median of its run, so that one that was held up does not count', () => {
  const timed = (...seconds: number[]) =>
    run(0, Object.fromEntries(seconds.map((value, place) => [place + 1, { 'seconds/train': value }])));
  const [table] = show({ kind: 'epoch-seconds' }, [{ name: 'kd', runs: [timed(2, 3, 100), timed(4, 4, 6, 8)] }]);
  expect(table!.rows).toEqual([['kd', (3 + 5) / 2, null]]);
});

describe('the tables of the teacher', () => {
  const teaching = (before: number, ...after: number[]) =>
    run(0, Object.fromEntries([before, ...after].map((value, epoch) => [epoch, { 'teacher/test/accuracy': value }])));

  it('show its change over training beside that of the thesis, and every epoch where it was scored there', () => {
    const reported = { before: { accuracy: 0.85, macroF1: 0.8 }, after: { accuracy: 0.86, macroF1: 0.82 } };
    const meta = { name: 'meta-lora', runs: [teaching(0.8, 0.81, 0.84), teaching(0.8, 0.8, 0.82)] };
    const [ends, epochs] = show({ kind: 'teacher', reported }, [meta]);
    expect(ends!.rows[0]!.slice(1, 4)).toEqual([0.8, expect.closeTo(0.83, 12), expect.closeTo(0.03, 12)]);
    expect(ends!.rows[1]).toEqual([
      'thesis',
      0.85,
      0.86,
      expect.closeTo(0.01, 12),
      0.8,
      0.82,
      expect.closeTo(0.02, 12),
    ]);
    expect(epochs!.columns).toEqual(['epoch 0', 'epoch 1', 'epoch 2']);
    expect(epochs!.rows[0]![2]).toBeCloseTo(0.805, 12);
  });

  it('are left out where no teacher learns', () => {
    const frozen = { name: 'kd', runs: [run(0, { 0: { 'teacher/test/accuracy': 0.8 }, 1: scores(0.5, 0.6) })] };
    expect(show({ kind: 'teacher', reported: null }, [frozen])).toEqual([]);
  });
});
