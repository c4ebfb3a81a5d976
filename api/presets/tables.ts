import { metricNames, scoreName } from '../../contract/metric-names';
import type { PresetTable, TeacherFigures } from '../../contract/presets';
import { teacherVariant } from '../definition/definition';
import { bestOnDev, trainedEpochs } from './evaluations';
import type { EvaluatedRun } from './evaluations.store';
import { column, figure, meanOf, type ResultCell, type ResultTable } from './result-table';

const testAccuracy = scoreName('test', 'accuracy');
const testF1 = scoreName('test', 'macro-f1');
const devAccuracy = scoreName('dev', 'accuracy');
const teacherAccuracy = scoreName('test', 'accuracy', 'teacher/');
const teacherF1 = scoreName('test', 'macro-f1', 'teacher/');
const { trainSeconds, evaluateSeconds } = metricNames;

/** The metrics that tables are made of. */
export const tableMetrics = [
  testAccuracy,
  testF1,
  devAccuracy,
  teacherAccuracy,
  teacherF1,
  trainSeconds,
  evaluateSeconds,
];

/** The runs of one variant that are over and have something to show. */
export interface VariantRuns {
  name: string;
  runs: EvaluatedRun[];
}

/** How far an experiment was cut down from its preset. */
export interface Circumstances {
  scale: number;
  /** Best accuracy that the thesis reports, by variant. */
  reported: ReadonlyMap<string, number>;
}

/** The tables of one kind for some variants; several where one would hold two things. */
export function tablesOf(
  table: PresetTable,
  variants: readonly VariantRuns[],
  circumstances: Circumstances,
): ResultTable[] {
  switch (table.kind) {
    case 'best':
      return [bestTable(variants, circumstances)];
    case 'at-epochs':
      return [epochsTable(variants, table.epochs)];
    case 'epoch-seconds':
      return [secondsTable(variants)];
    case 'budgets':
      return [budgetTable(variants, table.seconds, circumstances)];
    case 'temperature':
      return [temperatureTable(variants)];
    case 'teacher':
      return teacherTables(variants, table.reported);
  }
}

const over = ({ runs }: VariantRuns, of: (run: EvaluatedRun) => number | null | undefined): ResultCell =>
  meanOf(runs.map(of));
const students = (variants: readonly VariantRuns[]) => variants.filter(({ name }) => name !== teacherVariant);

const at = (run: EvaluatedRun, epoch: number) => trainedEpochs(run).find((evaluation) => evaluation.epoch === epoch);

const highest = (run: EvaluatedRun): number | null => {
  const values = trainedEpochs(run).flatMap(({ values }) => values[testAccuracy] ?? []);
  return values.length === 0 ? null : Math.max(...values);
};

function bestTable(variants: readonly VariantRuns[], { reported }: Circumstances): ResultTable {
  const onTest = { selectedOnTest: true };
  const hasReported = variants.some(({ name }) => reported.has(name));
  return {
    title: 'Best accuracy on test: the maximum over the epochs beside the epoch selected on dev',
    notes: ['What is the maximum over epochs was selected on the test set, and is too good by as much as that helps.'],
    columns: [
      column('selected on dev', 'share'),
      column('macro F1, selected on dev', 'share'),
      column('maximum over epochs', 'share', onTest),
      column('best single run, maximum', 'share', onTest),
      ...(hasReported ? [column('thesis', 'share', { selectedOnTest: true, reported: true })] : []),
      column('seconds of training', 'seconds'),
    ],
    rows: variants.map((variant) => ({
      label: variant.name,
      cells: [
        over(variant, (run) => bestOnDev(run)?.values[testAccuracy]),
        over(variant, (run) => bestOnDev(run)?.values[testF1]),
        over(variant, highest),
        bestRun(variant),
        ...(hasReported ? [figure(reported.get(variant.name) ?? null)] : []),
        over(variant, (run) => sumOf(run, trainSeconds)),
      ],
    })),
  };
}

function bestRun({ runs }: VariantRuns): ResultCell {
  const values = runs.flatMap((run) => highest(run) ?? []);
  return figure(values.length === 0 ? null : Math.max(...values), values.length === 0 ? 0 : 1);
}

function sumOf(run: EvaluatedRun, name: string): number | null {
  const values = trainedEpochs(run).flatMap(({ values }) => values[name] ?? []);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
}

function epochsTable(variants: readonly VariantRuns[], wanted: readonly number[]): ResultTable {
  const shown = students(variants);
  const last = Math.max(0, ...shown.flatMap(({ runs }) => runs.map((run) => run.evaluations.at(-1)?.epoch ?? 0)));
  const reached = wanted.filter((epoch) => epoch <= last);
  const epochs = reached.length > 0 || last === 0 ? reached : [last];
  const missing = wanted.filter((epoch) => !reached.includes(epoch));
  return {
    title: 'Accuracy and macro F1 on test by epoch',
    notes:
      missing.length === 0 ? [] : [`No run was trained for ${missing.join(', ')} epochs; the longest has ${last}.`],
    columns: epochs.flatMap((epoch) => [
      column(`accuracy, epoch ${epoch}`, 'share'),
      column(`macro F1, epoch ${epoch}`, 'share'),
    ]),
    rows: shown.map((variant) => ({
      label: variant.name,
      cells: epochs.flatMap((epoch) => [
        over(variant, (run) => at(run, epoch)?.values[testAccuracy]),
        over(variant, (run) => at(run, epoch)?.values[testF1]),
      ]),
    })),
  };
}

function secondsTable(variants: readonly VariantRuns[]): ResultTable {
  const ofEpoch = (name: string) => (run: EvaluatedRun) =>
    median(trainedEpochs(run).flatMap(({ values }) => values[name] ?? []));
  return {
    title: 'Seconds an epoch',
    notes: ["Means over runs of each run's median epoch, on the machine that carried it out."],
    columns: [column('training', 'seconds'), column('evaluating', 'seconds')],
    rows: variants.map((variant) => ({
      label: variant.name,
      cells: [over(variant, ofEpoch(trainSeconds)), over(variant, ofEpoch(evaluateSeconds))],
    })),
  };
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function budgetTable(
  variants: readonly VariantRuns[],
  fullBudgets: readonly number[],
  { scale }: Circumstances,
): ResultTable {
  const budgets = fullBudgets.map((seconds) => seconds * scale);
  const within = (run: EvaluatedRun, seconds: number) =>
    trainedEpochs(run).findLast(({ elapsedSeconds }) => elapsedSeconds <= seconds);
  const teacher = variants.find(({ name }) => name === teacherVariant);
  const line = teacher && over(teacher, (run) => bestOnDev(run)?.values[testAccuracy]);
  return {
    title: 'Accuracy on test within a time budget',
    notes: [
      'At the last evaluation within the budget; n counts the runs that were evaluated in time.',
      ...(scale < 1 ? [`The budgets of ${fullBudgets.join(' and ')} s are cut down with the scale.`] : []),
      ...(line ? ['The teacher is the line to reach; its own fine-tuning is not in the budget.'] : []),
    ],
    columns: budgets.flatMap((seconds) => [
      column(`accuracy after ${seconds} s`, 'share'),
      column(`epochs in ${seconds} s`, 'count'),
    ]),
    rows: [
      ...students(variants).map((variant) => ({
        label: variant.name,
        cells: budgets.flatMap((seconds) => [
          over(variant, (run) => within(run, seconds)?.values[testAccuracy]),
          over(variant, (run) => within(run, seconds)?.epoch),
        ]),
      })),
      ...(line ? [{ label: teacherVariant, cells: budgets.flatMap(() => [line, figure(null)]) }] : []),
    ],
  };
}

const temperatureLabel = / \[temperature=([^\],]+)\]$/;

/** Rows are methods, columns temperatures; the last columns say how far the means lie apart. */
function temperatureTable(variants: readonly VariantRuns[]): ResultTable {
  const tried = students(variants).flatMap((variant) => {
    const [suffix, temperature] = temperatureLabel.exec(variant.name) ?? [];
    return suffix === undefined ? [] : [{ variant, method: variant.name.slice(0, -suffix.length), temperature }];
  });
  const methods = [...new Set(tried.map(({ method }) => method))];
  const temperatures = [...new Set(tried.map(({ temperature }) => temperature))];
  const find = (method: string, temperature: string | undefined) =>
    tried.find((each) => each.method === method && each.temperature === temperature)?.variant ?? { name: '', runs: [] };
  const onDev = (run: EvaluatedRun) => bestOnDev(run)?.values[testAccuracy];
  const spread = (means: readonly ResultCell[]) => {
    const values = means.flatMap(({ value }) => value ?? []);
    return figure(meanOf(values).standardDeviation, values.length);
  };
  return {
    title: 'Mean accuracy on test by temperature, and its standard deviation over the temperatures',
    notes: ['n of a standard deviation counts temperatures.'],
    columns: [
      ...temperatures.map((temperature) => column(`temperature ${temperature}`, 'share')),
      column('sd over temperatures', 'share'),
      column('sd over temperatures, maximum over epochs', 'share', { selectedOnTest: true }),
    ],
    rows: methods.map((method) => {
      const means = temperatures.map((temperature) => over(find(method, temperature), onDev));
      const maxima = temperatures.map((temperature) => over(find(method, temperature), highest));
      return { label: method, cells: [...means, spread(means), spread(maxima)] };
    }),
  };
}

function teacherTables(variants: readonly VariantRuns[], reported: TeacherFigures | null): ResultTable[] {
  const before = (run: EvaluatedRun) => run.evaluations.find(({ epoch }) => epoch === 0);
  const after = (run: EvaluatedRun) =>
    run.evaluations.findLast(({ epoch, values }) => epoch > 0 && values[teacherAccuracy] !== undefined);
  const learning = variants.filter(({ runs }) => runs.some((run) => after(run) !== undefined));
  if (learning.length === 0) return [];
  const change = (run: EvaluatedRun, name: string) => {
    const [from, to] = [before(run)?.values[name], after(run)?.values[name]];
    return from === undefined || to === undefined ? null : to - from;
  };
  const ends: ResultTable = {
    title: 'The teacher on test, before and after it taught',
    notes: [],
    columns: [
      column('accuracy before', 'share'),
      column('accuracy after', 'share'),
      column('change of accuracy', 'difference'),
      column('macro F1 before', 'share'),
      column('macro F1 after', 'share'),
      column('change of macro F1', 'difference'),
    ],
    rows: [
      ...learning.map((variant) => ({
        label: variant.name,
        cells: [teacherAccuracy, teacherF1].flatMap((name) => [
          over(variant, (run) => before(run)?.values[name]),
          over(variant, (run) => after(run)?.values[name]),
          over(variant, (run) => change(run, name)),
        ]),
      })),
      ...(reported === null ? [] : [{ label: 'thesis', cells: reportedCells(reported) }]),
    ],
  };
  const epochs = [...new Set(learning.flatMap(({ runs }) => runs.flatMap(scoredEpochs)))].sort((a, b) => a - b);
  if (epochs.length <= 2) return [ends];
  return [
    ends,
    {
      title: "The teacher's accuracy on test after every epoch",
      notes: ['Epoch 0 is before training.'],
      columns: epochs.map((epoch) => column(`epoch ${epoch}`, 'share')),
      rows: learning.map((variant) => ({
        label: variant.name,
        cells: epochs.map((wanted) =>
          over(variant, (run) => run.evaluations.find(({ epoch }) => epoch === wanted)?.values[teacherAccuracy]),
        ),
      })),
    },
  ];
}

const scoredEpochs = ({ evaluations }: EvaluatedRun): number[] =>
  evaluations.filter(({ values }) => values[teacherAccuracy] !== undefined).map(({ epoch }) => epoch);

const reportedCells = ({ before, after }: TeacherFigures): ResultCell[] =>
  (['accuracy', 'macroF1'] as const).flatMap((score) =>
    [before[score], after[score], after[score] - before[score]].map((value) => figure(value)),
  );
