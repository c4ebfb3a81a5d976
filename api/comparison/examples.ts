import { predictionsKey } from '../../contract/keys';
import { type Split, scoreName } from '../../contract/metric-names';
import { describeMetric } from '../../contract/metrics';
import { DamagedObjectError } from '../../contract/objects/damaged-object';
import { breathe } from '../shared/breathe';
import { limits } from '../shared/limits';
import type { Bootstrap, SeedMcNemars } from './compared-pair';
import type { SeedValue } from './comparison';
import type { Pair } from './pairs';
import { type Predictions, type PredictionsPlace, readAll, type StoredPredictions } from './predictions';
import { bootstrapInterval, type Predicted, type ResampledScore } from './statistics/bootstrap';
import { combinedMcNemarP, type Discordance, mcNemar } from './statistics/mcnemar';
import { countRows, resamples } from './statistics/resampled-rows';
import { type ComparisonWarning, warn } from './warnings';

/** What the stored predictions say of a pair, example by example. */
export interface ExampleTests {
  mcNemar: SeedMcNemars | null;
  bootstrap: Bootstrap | null;
  warnings: ComparisonWarning[];
}

/** The predictions of one seed of a pair, at the epochs that are compared. */
interface SeedPredictions {
  seed: number;
  group: RunPredictions;
  against: RunPredictions;
}

interface RunPredictions {
  place: PredictionsPlace;
  predictions: StoredPredictions;
}

/** What was found at a place. */
interface FoundPredictions {
  place: PredictionsPlace;
  predictions: StoredPredictions | DamagedObjectError | null;
}

const nothing: ExampleTests = { mcNemar: null, bootstrap: null, warnings: [] };

/**
 * McNemar's tests and bootstrap intervals of some pairs, in their order, at the very epochs whose values are compared.
 * Metrics that are not scores of the trained model on dev or test have no examples, and get neither.
 */
export async function testExamples(
  predictions: Predictions,
  pairs: readonly Pair[],
  metric: string,
): Promise<ExampleTests[]> {
  const split = splitOf(metric);
  if (split === null) return pairs.map(() => nothing);
  const values = new Map<string, SeedValue>();
  for (const { paired } of pairs)
    for (const { group, against } of paired) for (const value of [...group, ...against]) values.set(value.runId, value);
  const places = [...values.values()].map(({ runId, epoch }) => ({ runId, split, epoch }));
  const found = await readAll(predictions, places);
  const known = new Map(places.map((place, at) => [place.runId, { place, predictions: found[at] ?? null }]));
  const tests: ExampleTests[] = [];
  for (const pair of pairs) {
    await breathe();
    tests.push(await testPair(predictions, pair, metric, known));
  }
  return tests;
}

async function testPair(
  predictions: Predictions,
  pair: Pair,
  metric: string,
  known: ReadonlyMap<string, FoundPredictions>,
): Promise<ExampleTests> {
  const { paired, group, against } = pair;
  if (paired.length === 0) return nothing;
  const without = (
    kind: 'NO_PREDICTIONS' | 'DAMAGED_PREDICTIONS' | 'DIFFERENT_ROWS' | 'PREDICTIONS_DISAGREE' | 'REPEATED_SEED',
    why: string,
  ) => ({
    ...nothing,
    warnings: [
      warn(kind, `"${group.name}" and "${against.name}": no test by example, since ${why}`, [group.id, against.id]),
    ],
  });
  if (paired.some((seed) => seed.group.length > 1 || seed.against.length > 1))
    return without('REPEATED_SEED', 'a seed has several runs');
  const found = paired.flatMap(({ group: [own], against: [other] }) => [
    known.get(own!.runId)!,
    known.get(other!.runId)!,
  ]);
  const damaged = found.flatMap(({ predictions: stored }) => (stored instanceof DamagedObjectError ? [stored] : []));
  if (damaged.length > 0) return without('DAMAGED_PREDICTIONS', shortList(damaged.map(({ message }) => message)));
  const missing = found.filter(({ predictions: stored }) => stored === null);
  if (missing.length > 0)
    return without(
      'NO_PREDICTIONS',
      `the predictions of ${missing.length} of its ${found.length} runs are not stored (${shortList(missing.map(({ place }) => keyOf(place)))})`,
    );
  const all = found as RunPredictions[];
  const seeds = paired.map(
    ({ seed }, at): SeedPredictions => ({ seed, group: all[2 * at]!, against: all[2 * at + 1]! }),
  );
  const runs = seeds.flatMap((seed) => [seed.group, seed.against]);
  if (new Set(runs.map((run) => run.predictions.rowsHash)).size > 1)
    return without('DIFFERENT_ROWS', 'the runs were scored on different rows');
  const logged = paired.flatMap((seed) => [seed.group[0]!.value, seed.against[0]!.value]);
  if (loggedAccuracies.includes(metric) && runs.some((run, at) => !isAccuracyOf(logged[at]!, run.predictions)))
    return without('PREDICTIONS_DISAGREE', 'their accuracy is not the one that was logged');
  return { mcNemar: testSeeds(seeds), ...(await bootstrapPair(predictions, pair, seeds, metric)) };
}

/** Metrics that can be counted anew from stored predictions, exactly. */
const loggedAccuracies = [scoreName('dev', 'accuracy'), scoreName('test', 'accuracy')];

const keyOf = ({ runId, split, epoch }: PredictionsPlace): string => predictionsKey(runId, split, epoch);

const listed = 3;
const shortList = (texts: readonly string[]): string =>
  [...texts.slice(0, listed), ...(texts.length > listed ? [`and ${texts.length - listed} more`] : [])].join('; ');

function testSeeds(seeds: readonly SeedPredictions[]): SeedMcNemars {
  const discordances = seeds.map(({ group, against }) => discordanceOf(group.predictions, against.predictions));
  return {
    seeds: discordances.map((discordance, place) => {
      const { seed, group } = seeds[place]!;
      return { ...mcNemar(discordance), seed, rows: group.predictions.labels.length };
    }),
    p: combinedMcNemarP(discordances)!,
  };
}

async function bootstrapPair(
  predictions: Predictions,
  { group, against }: Pair,
  seeds: readonly SeedPredictions[],
  metric: string,
): Promise<Pick<ExampleTests, 'bootstrap' | 'warnings'>> {
  const score = resampledScores.get(metric) ?? null;
  const rows = seeds[0]!.group.predictions.labels.length;
  if (score === null || rows > limits.resampledRows) {
    const why = score === null ? `${metric} is not` : `more than ${limits.resampledRows} rows are not`;
    const message = `"${group.name}" and "${against.name}": no bootstrap interval, since ${why} computed again from predictions`;
    return { bootstrap: null, warnings: [warn('NOT_RESAMPLED', message, [group.id, against.id])] };
  }
  const scores = ({ place, predictions: stored }: RunPredictions) => predictions.resampled(place, stored, score);
  const resampled: { value: Float64Array; against: Float64Array }[] = [];
  for (const seed of seeds) {
    resampled.push({ value: await scores(seed.group), against: await scores(seed.against) });
    await breathe();
  }
  const interval = bootstrapInterval(resampled);
  return { bootstrap: { interval, resamples, seeds: seeds.length, rows }, warnings: [] };
}

const discordanceOf = (one: Predicted, other: Predicted): Discordance => ({
  first: countRows(one.right, other.right),
  second: countRows(other.right, one.right),
});

const isAccuracyOf = (value: number, { labels, right }: Predicted): boolean =>
  Math.abs(countRows(right) / labels.length - value) < 1e-9;

/** The split whose predictions a metric scores; null: it does not score the trained model. */
function splitOf(metric: string): Split | null {
  const { split, subject } = describeMetric(metric);
  return subject === 'model' && (split === 'dev' || split === 'test') ? split : null;
}

/** With one label per row the micro scores equal the accuracy (docs/methods.md, "Metrics"). */
const accuracies = ['accuracy', 'micro-precision', 'micro-recall', 'micro-f1'] as const;

/** Metrics that can be computed again from resampled predictions. */
const resampledScores: ReadonlyMap<string, ResampledScore> = new Map(
  (['dev', 'test'] as const).flatMap((split): [string, ResampledScore][] => [
    [scoreName(split, 'macro-f1'), 'macro-f1'],
    ...accuracies.map((score): [string, ResampledScore] => [scoreName(split, score), 'accuracy']),
  ]),
);
