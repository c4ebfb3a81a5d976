/** One value of a series. null: it was not a number, or infinite. */
export interface SeriesPoint {
  step: number;
  epoch: number;
  elapsedSeconds: number;
  value: number | null;
}

/** An array, or a typed one. */
interface Column<Value> extends Iterable<Value> {
  readonly length: number;
  readonly [place: number]: Value;
  slice(start: number, end: number): Column<Value>;
}

/** The values of a metric in the order of their steps, column by column: objects for a million points take a second. */
export interface Series {
  step: Column<number>;
  epoch: Column<number>;
  elapsedSeconds: Column<number>;
  value: Column<number | null>;
}

export const emptySeries = () => ({
  step: [] as number[],
  epoch: [] as number[],
  elapsedSeconds: [] as number[],
  value: [] as (number | null)[],
});

export const pointAt = ({ step, epoch, elapsedSeconds, value }: Series, place: number): SeriesPoint => ({
  step: step[place]!,
  epoch: epoch[place]!,
  elapsedSeconds: elapsedSeconds[place]!,
  value: value[place] ?? null,
});

/** What lies from a place to another, or at some places. */
export const pick = (series: Series, places: { start: number; end: number } | readonly number[]): Series =>
  mapColumns(series, (column) =>
    'start' in places ? column.slice(places.start, places.end) : places.map((place) => column[place]!),
  );

/** One series behind another. */
export function joined(one: Series | undefined, other: Series): Series {
  if (one === undefined || one.step.length === 0) return other;
  if (other.step.length === 0) return one;
  return {
    step: joinColumns(one.step, other.step),
    epoch: joinColumns(one.epoch, other.epoch),
    elapsedSeconds: joinColumns(one.elapsedSeconds, other.elapsedSeconds),
    value: joinColumns(one.value, other.value),
  };
}

const joinColumns = <Value>(one: Column<Value>, other: Column<Value>): Value[] =>
  Array.from(one).concat(Array.from(other));

const mapColumns = (
  { step, epoch, elapsedSeconds, value }: Series,
  change: <Value>(column: Column<Value>) => Column<Value>,
): Series => ({
  step: change(step),
  epoch: change(epoch),
  elapsedSeconds: change(elapsedSeconds),
  value: change(value),
});
