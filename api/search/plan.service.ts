import type { RunSpec } from '../../contract/run-spec';
import type { Services } from '../context';
import { type Failure, invalidInput } from '../errors';
import { completeDefinition, type GivenDefinition } from '../experiments/definition';
import { planRuns } from '../experiments/plan-runs';
import { grouped } from '../grouped';
import { type EarlierRun, findEarlierRuns } from './plan.store';

/** What the runs of one method will take, by earlier ones. */
export interface PlannedMethod {
  method: string;
  runs: number;
  epochs: number;
  /** Of all its runs one after another; null without earlier runs to go by. */
  seconds: number | null;
  /** USD; null where no earlier run has a known cost. */
  cost: number | null;
  /** What the figures rest on, for a person. */
  basis: string;
}

/** What an experiment would be, before anything of it is stored. */
export interface ExperimentPlan {
  runs: number;
  variants: number;
  methods: PlannedMethod[];
  /** null where it is unknown for a method. */
  seconds: number | null;
  cost: number | null;
  notes: string[];
}

/** Earlier runs of a method that are looked at. */
const earlierRuns = 50;

/** Counts and prices the runs of a definition; or everything that is wrong with it. Nothing is stored. */
export async function planExperiment(
  { database }: Services,
  given: GivenDefinition,
): Promise<ExperimentPlan | Failure> {
  const definition = completeDefinition(given);
  const planned = planRuns(definition, 'planned');
  if (planned.kind === 'invalid') return invalidInput(planned.problems);
  const specs = planned.value.map(({ spec }) => spec);
  const methods: PlannedMethod[] = [];
  for (const [method, ofMethod] of grouped(specs, (spec) => spec.method))
    methods.push(planMethod(method, ofMethod, await findEarlierRuns(database, method, earlierRuns)));
  return {
    runs: specs.length,
    variants: new Set(specs.map(({ variant }) => variant)).size,
    methods,
    seconds: totalOf(methods.map(({ seconds }) => seconds)),
    cost: totalOf(methods.map(({ cost }) => cost)),
    notes: [
      'Seconds are those of all runs one after another: divide by the slots.',
      ...(definition.halving
        ? ['Runs that successive halving stops take less: these figures are an upper bound.']
        : []),
    ],
  };
}

function planMethod(method: string, specs: readonly RunSpec[], earlier: readonly EarlierRun[]): PlannedMethod {
  const runs = earlier.map((run) => ({ ...run, spec: JSON.parse(run.spec) as RunSpec }));
  const onTheseData = runs.filter(({ spec }) => spec.data.train === specs[0]!.data.train);
  const used = onTheseData.length > 0 ? onTheseData : runs;
  // Work grows with epochs and rows; what a setting such as the width of the student costs is not told apart.
  const work = ({ parameters }: RunSpec) => parameters.epochs * parameters.trainShare;
  const total = specs.reduce((sum, spec) => sum + work(spec), 0);
  const perWork = (figure: (run: (typeof used)[number]) => number | null): number | null => {
    const known = used.flatMap((run) => {
      const value = figure(run);
      return value === null ? [] : [value / work(run.spec)];
    });
    return known.length === 0 ? null : medianOf(known) * total;
  };
  const of = onTheseData.length > 0 ? 'of these data' : 'of other data';
  return {
    method,
    runs: specs.length,
    epochs: specs.reduce((sum, { parameters }) => sum + parameters.epochs, 0),
    seconds: perWork(({ elapsedSeconds }) => elapsedSeconds),
    cost: perWork(({ cost }) => cost),
    basis: used.length === 0 ? `no earlier run of ${method}` : `the median of ${used.length} earlier runs ${of}`,
  };
}

/** Of at least one value. */
function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

const totalOf = (values: readonly (number | null)[]): number | null =>
  values.reduce<number | null>((sum, value) => (sum === null || value === null ? null : sum + value), 0);
