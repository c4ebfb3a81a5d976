import type { ComparedGroup, ComparisonPoint } from './comparison';
import type { RunGroup } from './groups';
import { type ComparisonWarning, warn } from './warnings';

/** Below this many values an interval rests on too little to be relied on. */
const fewValues = 3;

/** What is to be known of the comparison as a whole. */
export function comparisonWarnings(given: {
  point: ComparisonPoint;
  groups: readonly RunGroup[];
  differences: readonly string[];
}): ComparisonWarning[] {
  const { point, groups, differences } = given;
  const warnings: ComparisonWarning[] = [];
  if (point.kind === 'BEST_ON_TEST')
    warnings.push(
      warn(
        'SELECTED_ON_TEST',
        'each run stands with its best epoch on the test set: every value is too good by what that selection gains, and no new data will show it',
      ),
    );
  if (differences.length > 0)
    warnings.push(
      warn('DIFFERENT_DATA', `the runs differ in their data, which is compared as well: ${differences.join('; ')}`),
    );
  if (point.kind === 'BEST_ON_DEV') warnings.push(...selectionWarnings(groups));
  return point.kind === 'WALL_CLOCK' ? [...warnings, ...machineWarnings(groups)] : warnings;
}

/** What is to be known of one group. @param pooled whether groups were made by `groupBy` */
export function groupWarnings(
  { id, name, n, standardDeviation, values, missing }: ComparedGroup,
  { runs }: RunGroup,
  pooled: boolean,
): ComparisonWarning[] {
  const reasons = new Map<string, number>();
  for (const { reason } of missing) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const told = [...reasons].map(([reason, count]) => `${reason} (${count})`).join(', ');
  const runsBySeed = new Map<number, number>();
  for (const { seed } of values) runsBySeed.set(seed, (runsBySeed.get(seed) ?? 0) + 1);
  const repeated = [...runsBySeed].filter(([, count]) => count > 1).map(([seed]) => seed);
  const definitions = new Set(runs.map(({ groupId }) => groupId)).size;
  const warnings: ComparisonWarning[] = [];
  const add = (kind: ComparisonWarning['kind'], message: string) =>
    warnings.push(warn(kind, `"${name}"${message}`, [id]));
  if (missing.length > 0)
    add('MISSING_RUNS', `: ${missing.length} of ${missing.length + n} runs are left out: ${told}`);
  const stopped = runs.filter(({ state }) => state === 'STOPPED');
  if (stopped.length > 0)
    add(
      'STOPPED_EARLY',
      `: ${stopped.length} of ${runs.length} runs were stopped early and count up to there: ${stopsText(stopped)}`,
    );
  if (n === 1) add('ONE_RUN', ' rests on one run: it has no spread and no interval');
  if (n > 1 && n < fewValues) add('FEW_RUNS', ` rests on ${n} runs: its interval tells little`);
  if (n > 1 && standardDeviation === null) add('BEYOND_NUMBERS', ' has values too large for a spread to be computed');
  if (repeated.length > 0)
    add('REPEATED_SEED', ` has several runs of seed ${repeated.join(', ')}: they are not independent of each other`);
  if (pooled && definitions > 1)
    add('POOLED_DEFINITIONS', ` pools ${definitions} definitions: its spread is not that of the seed alone`);
  return warnings;
}

function selectionWarnings(groups: readonly RunGroup[]): ComparisonWarning[] {
  const metrics = [...new Set(groups.flatMap(({ runs }) => runs.map(({ selectBy }) => selectBy)))];
  if (metrics.length <= 1) return [];
  const message = `the experiments select their models by different metrics: ${metrics.join(', ')}; each run counts at the epoch of its model`;
  return [warn('DIFFERENT_SELECTION', message)];
}

function stopsText(stopped: RunGroup['runs']): string {
  const epochs = [...new Set(stopped.map(({ stoppedAtEpoch }) => stoppedAtEpoch))];
  return epochs
    .map((epoch) => `epoch ${epoch} (${stopped.filter((run) => run.stoppedAtEpoch === epoch).length})`)
    .join(', ');
}

function machineWarnings(groups: readonly RunGroup[]): ComparisonWarning[] {
  const runs = groups.flatMap((group) => group.runs).filter(({ state }) => state === 'SUCCEEDED');
  const machines = [...new Set(runs.map(({ engine, device }) => `${engine ?? 'unknown'} on ${device ?? 'unknown'}`))];
  if (machines.length <= 1) return [];
  const message = `runs were carried out with ${machines.join(', ')}: a time budget compares these machines as well`;
  return [warn('DIFFERENT_MACHINES', message)];
}
