import type { NumberCondition, TextCondition, TimeCondition } from '../../../api/database/conditions';
import type { Reducer, RunFilter, RunOrder } from '../../../api/runs/run-filter';

/** A run as the naive search sees it: plain values, no tables. */
export interface PlainRun {
  id: string;
  position: number;
  variant: string;
  method: string;
  state: string;
  seed: number;
  epoch: number;
  elapsedSeconds: number;
  engine: string | null;
  modelBytes: number | null;
  createdAt: string;
  finishedAt: string | null;
  tags: string[];
  parameters: Record<string, number | string>;
  /** Histories of metrics; scores and losses alike. */
  metrics: Record<string, number[]>;
}

/** Which runs pass, by going through them one at a time. */
export function passes(run: PlainRun, filter: RunFilter): boolean {
  const { AND, OR, NOT, tag, parameter, metric } = filter;
  const value = metric && reduce(run, metric.name, metric.reducer);
  const given = parameter && run.parameters[parameter.name];
  return [
    text(run.id, filter.id),
    text(run.variant, filter.variant),
    text(run.method, filter.method),
    text(run.state, filter.state),
    text(run.engine, filter.engine),
    number(run.seed, filter.seed),
    number(run.epoch, filter.epoch),
    number(run.elapsedSeconds, filter.elapsedSeconds),
    number(run.modelBytes, filter.modelBytes),
    time(run.createdAt, filter.createdAt),
    time(run.finishedAt, filter.finishedAt),
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
  const values = metrics[name];
  if (values === undefined) return null;
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
  switch (field) {
    case 'POSITION':
      return [(run) => run.position];
    case 'VARIANT':
      return [(run) => run.variant];
    case 'SEED':
      return [(run) => run.seed];
    case 'MODEL_BYTES':
      return [(run) => run.modelBytes];
    case 'FINISHED_AT':
      return [(run) => run.finishedAt];
    case 'CREATED_AT':
      return [(run) => run.createdAt];
    default:
      throw new Error(`the naive search knows no order by ${field}`);
  }
}

function compare(a: number | string | null, b: number | string | null, { direction, nulls }: RunOrder): number {
  if (a === null || b === null) {
    if (a === b) return 0;
    return (a === null) === (nulls === 'FIRST') ? -1 : 1;
  }
  if (a === b) return 0;
  return a < b === (direction === 'ASC') ? -1 : 1;
}
