import { scoreName } from '../../contract/metric-names';
import { bestOf, describeMetric } from '../../contract/metrics';
import { isOver } from '../../contract/run-states';
import { describeSample, type Sample } from '../comparison/statistics/sample';
import type { Services } from '../context/context';
import { baseVariant, type ExperimentDefinition, teacherVariant } from '../definition/definition';
import { findExperiment } from '../experiments/experiment.store';
import { bestOnDev } from '../presets/evaluations';
import { type EvaluatedRun, findEvaluatedRuns } from '../presets/evaluations.store';
import { grouped } from '../shared/grouped';

const devAccuracy = scoreName('dev', 'accuracy');
const testAccuracy = scoreName('test', 'accuracy');
const testF1 = scoreName('test', 'macro-f1');

/** The point of a search that is best on dev, with what it then gets on test. */
export interface BestPoint {
  /** Name of the variant at this point. */
  name: string;
  /** Its runs that were trained to the end, over which the scores are means. */
  runIds: string[];
  /** The metric it was chosen by, which also selects the models. */
  selectBy: string;
  /** That metric. */
  selected: Sample;
  devAccuracy: Sample;
  testAccuracy: Sample;
  testF1: Sample;
}

/** What a search over the points of one variant came to. */
export interface SearchResult {
  variant: string;
  points: number;
  runs: number;
  stoppedEarly: number;
  unfinished: number;
  /** null while no run was trained to the end. */
  best: BestPoint | null;
}

/** For every variant with several points the one best on dev, of equals the first; test selects nothing. */
export async function searchResults({ database }: Services, experimentId: string): Promise<SearchResult[]> {
  const experiment = await findExperiment(database, experimentId);
  if (experiment === undefined) return [];
  const definition: Pick<ExperimentDefinition, 'variants'> = JSON.parse(experiment.definition);
  const runs = await findEvaluatedRuns(database, experiment, [devAccuracy, testAccuracy, testF1]);
  const students = runs.filter(({ variant }) => variant !== teacherVariant);
  const searches = grouped(students, ({ variant }) => baseVariant(definition, variant));
  return [...searches].flatMap(([variant, ofSearch]) => {
    const points = grouped(ofSearch, (run) => run.variant);
    return points.size < 2 ? [] : [resultOf(variant, ofSearch, points)];
  });
}

function resultOf(
  variant: string,
  runs: readonly EvaluatedRun[],
  points: ReadonlyMap<string, EvaluatedRun[]>,
): SearchResult {
  const candidates = [...points].flatMap(([name, ofPoint]) => pointOf(name, ofPoint) ?? []);
  return {
    variant,
    points: points.size,
    runs: runs.length,
    stoppedEarly: runs.filter(({ state }) => state === 'STOPPED').length,
    unfinished: runs.filter(({ state }) => !isOver(state)).length,
    best: bestOf(candidates, describeMetric(runs[0]!.selectBy).better, ({ selected }) => selected.mean),
  };
}

/** A point as far as its runs were trained to the end; null where none was. */
function pointOf(name: string, runs: readonly EvaluatedRun[]): BestPoint | null {
  const evaluated = runs
    .filter(({ state }) => state === 'SUCCEEDED')
    .flatMap((run) => {
      const evaluation = bestOnDev(run);
      return evaluation === null ? [] : [{ id: run.id, values: evaluation.values }];
    });
  if (evaluated.length === 0) return null;
  const { selectBy } = runs[0]!;
  const sample = (metric: string) => describeSample(evaluated.flatMap(({ values }) => values[metric] ?? []));
  return {
    name,
    runIds: evaluated.map(({ id }) => id),
    selectBy,
    selected: sample(selectBy),
    devAccuracy: sample(devAccuracy),
    testAccuracy: sample(testAccuracy),
    testF1: sample(testF1),
  };
}
