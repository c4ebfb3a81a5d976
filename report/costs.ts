import { bytesText, countText, durationText, energyText, moneyText } from '../presentation/format';
import { pointsText } from '../presentation/statistics';
import type { ReportData } from './fetch';
import { type Column, type Html, html, section, table } from './html';
import type { Comparison, Group, Run } from './queries';
import { mean } from './results';

/** What runs can take. Where it is known of no run it is left out of the tables, and that is said below them. */
interface Quantity {
  name: string;
  /** null: not recorded. */
  of(run: Run): number | null;
  text(amount: number): string;
  isEstimate(run: Run): boolean;
}

/**
 * Of all attempts, what one did in vain included, where that is known. Attempts of earlier versions are billed from their first
 * record on, while the clock of their training begins with the process.
 */
const secondsOf = ({ billedSeconds, progress }: Run): number => Math.max(billedSeconds ?? 0, progress.elapsedSeconds);

const quantities: Quantity[] = [
  { name: 'Time', of: secondsOf, text: durationText, isEstimate: () => false },
  {
    name: 'Energy',
    of: ({ energyWattHours }) => energyWattHours,
    text: energyText,
    isEstimate: ({ energySource }) => energySource === 'estimated',
  },
  { name: 'Cost', of: ({ cost }) => cost, text: moneyText, isEstimate: () => false },
];

/** What was spent in all, by a run, and for a point of accuracy. */
export function costSection(data: ReportData): Html {
  const spent = data.runs.filter((run) => secondsOf(run) > 0);
  const known = quantities.filter(({ of }) => spent.some((run) => of(run) !== null));
  return section(
    'cost',
    'Time, energy and cost',
    totalsTable(data, spent, known),
    runTable(data, known),
    html`<p class="quiet">${notes(spent).join(' ')}</p>`,
  );
}

function totalsTable({ accuracy }: ReportData, spent: readonly Run[], known: readonly Quantity[]): Html {
  const rows = accuracy.groups.map(({ id, name }) => ({ name, runs: spent.filter(({ groupId }) => groupId === id) }));
  type Row = (typeof rows)[number];
  const all: Row = { name: 'All', runs: [...spent] };
  const finished = (row: Row) => (row === all ? undefined : row.runs.find(({ state }) => state === 'SUCCEEDED'));
  const columns: Column<Row>[] = [
    { heading: 'Variant', kind: 'name', cell: ({ name }) => name },
    { heading: 'Runs', cell: ({ runs }) => runs.length },
    ...known.map(
      (quantity): Column<Row> => ({ heading: quantity.name, cell: ({ runs }) => totalText(quantity, runs) }),
    ),
    { heading: 'Parameters trained', cell: (row) => finished(row)?.trainedParameters?.toLocaleString('en') ?? '–' },
    { heading: 'Model', cell: (row) => bytesOrNone(finished(row)?.modelBytes ?? null) },
  ];
  return table('In all, runs that failed or are not over included', columns, [...rows, all]);
}

const bytesOrNone = (bytes: number | null): string => (bytes === null ? '–' : bytesText(bytes));

function totalText(quantity: Quantity, runs: readonly Run[]): string {
  const counted = runs.filter((run) => quantity.of(run) !== null);
  if (counted.length === 0) return '–';
  const total = counted.reduce((sum, run) => sum + quantity.of(run)!, 0);
  const part = counted.length < runs.length ? ` (of ${countText(counted.length, 'run')})` : '';
  return `${amountText(quantity, total, counted)}${part}`;
}

/** `≈` where any of the runs it was taken from has an estimate. */
const amountText = ({ text, isEstimate }: Quantity, amount: number, runs: readonly Run[]): string =>
  `${runs.some(isEstimate) ? '≈ ' : ''}${text(amount)}`;

/** Of the runs that are compared. */
function runTable({ accuracy, runs }: ReportData, known: readonly Quantity[]): Html {
  const baseline = accuracy.groups.find(({ id }) => id === accuracy.baseline);
  const byId = new Map(runs.map((run) => [run.id, run]));
  const counted = ({ of }: Quantity, { values }: Group) =>
    values.map(({ runId }) => byId.get(runId)!).filter((run) => of(run) !== null);
  const meanOf = (quantity: Quantity, of: readonly Run[]) => mean(of.map((run) => quantity.of(run)!));
  const aRun = (quantity: Quantity, group: Group) => {
    const own = counted(quantity, group);
    return own.length === 0 ? '–' : amountText(quantity, meanOf(quantity, own), own);
  };
  const aPoint = (quantity: Quantity, group: Group, against: Group) => {
    const [own, other] = [counted(quantity, group), counted(quantity, against)];
    const gained = differenceFromBaseline(accuracy, group);
    if (gained === null || own.length === 0 || other.length === 0) return '–';
    const more = meanOf(quantity, own) - meanOf(quantity, other);
    if (gained <= 0) return 'no gain';
    return more <= 0 ? 'no more' : amountText(quantity, more / (100 * gained), [...own, ...other]);
  };
  const columns: Column<Group>[] = [
    { heading: 'Variant', kind: 'name', cell: ({ name }) => name },
    { heading: 'Time to the compared epoch', cell: timeToComparedEpoch },
    ...known.map((quantity): Column<Group> => ({ heading: quantity.name, cell: (group) => aRun(quantity, group) })),
  ];
  if (baseline !== undefined)
    columns.push(
      {
        heading: `Points over ${baseline.name}`,
        cell: (group) => (group === baseline ? 'baseline' : pointsText(differenceFromBaseline(accuracy, group))),
      },
      ...known.map(
        (quantity): Column<Group> => ({
          heading: `${quantity.name} a point`,
          cell: (group) => (group === baseline ? '–' : aPoint(quantity, group, baseline)),
        }),
      ),
    );
  const caption =
    'A run, mean over seeds; and for each point of test accuracy over the baseline, how much more than it';
  return table(caption, columns, accuracy.groups);
}

const timeToComparedEpoch = ({ values }: Group): string =>
  values.length === 0 ? '–' : durationText(mean(values.map(({ elapsedSeconds }) => elapsedSeconds)));

const differenceFromBaseline = ({ pairs, baseline }: Comparison, { id }: Group): number | null =>
  pairs.find(({ groupId, againstId }) => groupId === id && againstId === baseline)?.difference ?? null;

/** How the amounts came about, and which are missing. */
function notes(spent: readonly Run[]): string[] {
  const said = (
    figure: 'billedSeconds' | 'energyWattHours' | 'cost',
    { known, none, missing }: { known: string; none: string; missing: (runs: string) => string },
  ): string[] => {
    const count = spent.filter((run) => run[figure] === null).length;
    if (count === spent.length) return [none];
    return count === 0 ? [known] : [known, missing(countText(count, 'run'))];
  };
  return [
    ...said('billedSeconds', {
      known: 'Time is wall clock of the whole process, over all attempts.',
      none: 'Time is wall clock of training and evaluation; that of the whole process was not recorded.',
      missing: (runs) => `Of ${runs} it is that of training and evaluation alone, no other was recorded.`,
    }),
    'The fine-tuning of a teacher comes on top of what its students took. Runs that shared their machine took each other time.',
    ...said('energyWattHours', {
      known:
        'Energy is that of the GPU, or of a share of the processors; ≈: estimated, at least in part, from the power of the card or the processor time.',
      none: 'Energy was not recorded.',
      missing: (runs) => `The energy of ${runs} was not recorded.`,
    }),
    ...said('cost', {
      known: `Cost is by the hour: ${pricesOf(spent).join('; ')}.`,
      none: spent.every(({ billedSeconds }) => billedSeconds === null)
        ? 'Cost was not recorded.'
        : 'Cost is not known: no price of the machine was set.',
      missing: (runs) => `The cost of ${runs} is not known.`,
    }),
  ];
}

const pricesOf = (runs: readonly Run[]): string[] => [
  ...new Set(
    runs.flatMap(({ attempts }) =>
      attempts.flatMap(({ instanceType, capacity, pricePerHour, priceSource }) => {
        if (pricePerHour === null) return [];
        const machine = [instanceType ?? 'this machine', capacity].filter(Boolean).join(', ');
        return [`${machine} ${moneyText(pricePerHour)}, ${priceSource ?? 'source not recorded'}`];
      }),
    ),
  ),
];
