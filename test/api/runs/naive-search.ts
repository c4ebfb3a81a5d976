import type { NumberCondition, TextCondition, TimeCondition } from '../../../api/database/conditions';
import type { Reducer, RunFilter, RunOrder, RunOrderField } from '../../../api/runs/run-filter';

/** A run as the naive search sees it: plain values, no tables. */
export interface PlainRun {
  id: string;
  position: number;
  experimentId: string;
  variant: string;
  groupId: string;
  method: string;
  state: string;
  failureKind: string | null;
  seed: number;
  epoch: number;
  attempt: number;
  elapsedSeconds: number;
  engine: string | null;
  device: string | null;
  instanceType: string | null;
  trainedParameters: number | null;
  modelBytes: number | null;
  billedSeconds: number | null;
  cost: number | null;
  energyWattHours: number | null;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  updatedAt: string;
  tags: string[];
  parameters: Record<string, number | string>;
  /** Histories of metrics; scores and losses alike. null: not a number, or infinite. */
  metrics: Record<string, (number | null)[]>;
}

const textFields = [
  ...(['id', 'experimentId', 'variant', 'groupId', 'method', 'state'] as const),
  ...(['failureKind', 'engine', 'device', 'instanceType'] as const),
];
const numberFields = [
  ...(['seed', 'epoch', 'attempt', 'elapsedSeconds', 'trainedParameters', 'modelBytes'] as const),
  ...(['billedSeconds', 'cost', 'energyWattHours'] as const),
];
const timeFields = ['createdAt', 'startedAt', 'finishedAt', 'updatedAt'] as const;

/** Which runs pass, by going through them one at a time. */
export function passes(run: PlainRun, filter: RunFilter): boolean {
  const { AND, OR, NOT, tag, parameter, metric } = filter;
  const value = metric && reduce(run, metric.name, metric.reducer);
  const given = parameter && run.parameters[parameter.name];
  return [
    ...textFields.map((field) => text(run[field], filter[field])),
    ...numberFields.map((field) => number(run[field], filter[field])),
    ...timeFields.map((field) => time(run[field], filter[field])),
    tag === undefined || run.tags.some((one) => text(one, tag)),
    parameter === undefined ||
      (given !== undefined &&
        number(typeof given === 'number' ? given : null, parameter.number) &&
        text(String(given), parameter.text)) !==
        (parameter.present === false),
    metric === undefined || (value !== null && number(value ?? null, metric.value)) !== (metric.present === false),
    (AND ?? []).every((part) => passes(run, part)),
    OR === undefined || OR.some((part) => passes(run, part)),
    NOT === undefined || !passes(run, NOT),
  ].every((holds) => holds);
}

export function reduce({ metrics }: PlainRun, name: string, reducer: Reducer): number | null {
  const values = (metrics[name] ?? []).filter((value) => value !== null);
  if (values.length === 0) return null;
  const smallest = Math.min(...values);
  const largest = Math.max(...values);
  switch (reducer) {
    case 'LAST':
      return values.at(-1)!;
    case 'MIN':
      return smallest;
    case 'MAX':
      return largest;
    case 'BEST':
      return name.includes('loss') ? smallest : largest;
    case 'MEAN':
      return values.reduce((sum, value) => sum + value, 0) / values.length;
  }
}

function number(value: number | null, condition: NumberCondition | undefined): boolean {
  if (condition === undefined) return true;
  if (value === null) return false;
  const { eq, ne, in: among, notIn, lt, lte, gt, gte } = condition;
  return (
    (eq === undefined || value === eq) &&
    (ne === undefined || value !== ne) &&
    (among === undefined || among.includes(value)) &&
    (notIn === undefined || !notIn.includes(value)) &&
    (lt === undefined || value < lt) &&
    (lte === undefined || value <= lte) &&
    (gt === undefined || value > gt) &&
    (gte === undefined || value >= gte)
  );
}

function text(value: string | null, condition: TextCondition | undefined): boolean {
  if (condition === undefined) return true;
  if (value === null) return false;
  const { eq, ne, in: among, notIn, contains, startsWith } = condition;
  const lower = value.toLowerCase();
  return (
    (eq === undefined || value === eq) &&
    (ne === undefined || value !== ne) &&
    (among === undefined || among.includes(value)) &&
    (notIn === undefined || !notIn.includes(value)) &&
    (contains === undefined || lower.includes(contains.toLowerCase())) &&
    (startsWith === undefined || lower.startsWith(startsWith.toLowerCase()))
  );
}

function time(value: string | null, condition: TimeCondition | undefined): boolean {
  if (condition === undefined) return true;
  if (value === null) return false;
  const at = Date.parse(value);
  return (
    (condition.before === undefined || at < condition.before.getTime()) &&
    (condition.from === undefined || at >= condition.from.getTime())
  );
}

/** All runs in an order, by comparing them two at a time. */
export function inOrder(runs: readonly PlainRun[], order: readonly RunOrder[]): PlainRun[] {
  return [...runs].sort((a, b) => {
    for (const term of order)
      for (const keyOf of keysOf(term)) {
        const compared = compare(keyOf(a), keyOf(b), term);
        if (compared !== 0) return compared;
      }
    return a.id < b.id === (order.at(-1)?.direction !== 'DESC') ? -1 : 1;
  });
}

type Key = (run: PlainRun) => number | string | null;

function keysOf({ field, parameter, metric }: RunOrder): Key[] {
  if (parameter)
    return [
      (run) => (typeof run.parameters[parameter] === 'number' ? run.parameters[parameter] : null),
      (run) => (run.parameters[parameter] === undefined ? null : String(run.parameters[parameter])),
    ];
  if (metric) return [(run) => reduce(run, metric.name, metric.reducer)];
  const by = orderFields[field!];
  return [(run) => run[by]];
}

const orderFields = {
  POSITION: 'position',
  EXPERIMENT: 'experimentId',
  VARIANT: 'variant',
  METHOD: 'method',
  SEED: 'seed',
  STATE: 'state',
  EPOCH: 'epoch',
  ELAPSED_SECONDS: 'elapsedSeconds',
  TRAINED_PARAMETERS: 'trainedParameters',
  MODEL_BYTES: 'modelBytes',
  BILLED_SECONDS: 'billedSeconds',
  COST: 'cost',
  ENERGY: 'energyWattHours',
  CREATED_AT: 'createdAt',
  STARTED_AT: 'startedAt',
  FINISHED_AT: 'finishedAt',
  UPDATED_AT: 'updatedAt',
} as const satisfies Record<RunOrderField, keyof PlainRun>;

function compare(a: number | string | null, b: number | string | null, { direction, nulls }: RunOrder): number {
  if (a === null || b === null) {
    if (a === b) return 0;
    return (a === null) === (nulls === 'FIRST') ? -1 : 1;
  }
  if (a === b) return 0;
  return a < b === (direction === 'ASC') ? -1 : 1;
}
