/** What kind of thing a reader of a comparison must know. */
export const warningKinds = {
  MISSING_RUNS: 'Runs of a group have no value and are left out.',
  STOPPED_EARLY: 'Runs of a group were stopped by successive halving and count up to there.',
  ONE_RUN: 'A group rests on one run: no spread, no interval.',
  FEW_RUNS: 'A group rests on two runs: its interval tells little.',
  REPEATED_SEED: 'A group has several runs of one seed, which are not independent of each other.',
  POOLED_DEFINITIONS: 'A group pools runs of different definitions.',
  DIFFERENT_MACHINES: 'Runs that share a time budget were carried out on different machines.',
  DIFFERENT_DATA: 'The runs differ in their data or in how they were split, as was asked for.',
  DIFFERENT_SELECTION: 'The experiments select the epochs of their models by different metrics.',
  SELECTED_ON_TEST: 'Epochs were selected by the test set, as was asked for: the values are too good.',
  UNPAIRED_SEEDS: 'Seeds that only one group of a pair has do not count in its tests.',
  FEW_PAIRS: 'So few seeds that a test can hardly find anything, or rests on chance.',
  EQUAL_VALUES: 'All differences are equal: no spread to test by.',
  NO_PREDICTIONS: 'Predictions that tests by example need are not stored.',
  DAMAGED_PREDICTIONS: 'Stored predictions are damaged: no test by example where they are needed.',
  DIFFERENT_ROWS: 'Two runs of one seed were scored on different rows: no test by example.',
  PREDICTIONS_DISAGREE: 'Stored predictions do not give the logged accuracy: no test by example.',
  NOT_RESAMPLED: 'The metric cannot be computed again from predictions: no bootstrap interval.',
  BEYOND_NUMBERS: 'Values so large that their spread is not a number.',
} as const;
export type WarningKind = keyof typeof warningKinds;

export interface ComparisonWarning {
  kind: WarningKind;
  message: string;
  /** Ids of the groups it is about; none: the whole comparison. */
  groups: string[];
}

export const warn = (kind: WarningKind, message: string, groups: string[] = []): ComparisonWarning => ({
  kind,
  message,
  groups,
});
