import { describeSample, type Sample } from '../comparison/statistics/sample';

/** A number in a table: a mean over runs with its spread, or a figure that somebody reported. */
export interface ResultCell {
  value: number | null;
  /** Standard deviation over the runs; null below two of them. */
  standardDeviation: number | null;
  /** Runs it rests on; 0 where it rests on none of this experiment. */
  n: number;
}

export interface ResultColumn {
  name: string;
  /** `share`: of 1; `difference`: of two shares; `seconds`; `count`. */
  unit: 'share' | 'difference' | 'seconds' | 'count';
  /** The test set took part in choosing the numbers of this column. */
  selectedOnTest: boolean;
  /** The numbers are the thesis's own. */
  reported: boolean;
}

export interface ResultRow {
  label: string;
  cells: ResultCell[];
}

/** An outcome as rows and columns, ready to be printed. */
export interface ResultTable {
  title: string;
  notes: string[];
  columns: ResultColumn[];
  rows: ResultRow[];
}

export const column = (
  name: string,
  unit: ResultColumn['unit'],
  { selectedOnTest = false, reported = false } = {},
): ResultColumn => ({ name, unit, selectedOnTest, reported });

/** The mean of what runs have; those without are left out of n. */
export function meanOf(values: readonly (number | null | undefined)[]): ResultCell {
  const { n, mean, standardDeviation }: Sample = describeSample(values.filter((value) => value != null));
  return { value: mean, standardDeviation, n };
}

/** A figure without a spread. */
export const figure = (value: number | null, n = 0): ResultCell => ({ value, standardDeviation: null, n });
