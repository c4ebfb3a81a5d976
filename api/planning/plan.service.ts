import { computeSchema, instanceSizes } from '../../contract/compute';
import type { Machine } from '../../contract/records';
import { dependenciesOf, epochsOf, type RunSpec, specOfRecord } from '../../contract/run-spec';
import type { PriceSettings, Services } from '../context/context';
import { noPrices, type Price, priceOf } from '../cost/prices';
import { completeDefinition, type ExperimentDefinition, type GivenDefinition } from '../definition/definition';
import { planRuns } from '../definition/plan-runs';
import { type Failure, invalidInput } from '../shared/errors';
import { grouped } from '../shared/grouped';
import { type EarlierRun, findEarlierRuns } from './plan.store';

/** What the runs of one method will take, by earlier ones. */
export interface PlannedMethod {
  method: string;
  runs: number;
  epochs: number;
  /** Of all its runs one after another; null without earlier runs to go by. */
  seconds: number | null;
  /** USD; null where neither the cost of an earlier run nor its time and the price of a machine are known. */
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
  /** Runs at a time; null: as many as there are. */
  slots: number | null;
  /** From the launch to the end of the last run; null where it is unknown for a method. */
  wallClockSeconds: number | null;
  notes: string[];
}

/** Earlier runs of a method that are looked at. */
const earlierRuns = 50;

/**
 * Counts and prices the runs of a definition; or everything that is wrong with it. Nothing is stored.
 * @param slots runs at a time; null: those of this service
 */
export async function planExperiment(
  { database, prices = noPrices, slots: ownSlots, region }: Services,
  given: GivenDefinition,
  slots: number | null,
): Promise<ExperimentPlan | Failure> {
  const slotProblems = slots !== null && slots < 1 ? [{ path: 'slots', message: `${slots} must be 1 or more` }] : [];
  const definition = completeDefinition(given);
  const planned = planRuns(definition, 'planned');
  if (planned.kind === 'invalid') return invalidInput([...slotProblems, ...planned.problems]);
  if (slotProblems.length > 0) return invalidInput(slotProblems);
  const specs = planned.value;
  const methods: PlannedMethod[] = [];
  const secondsOf = new Map<RunSpec, number | null>();
  for (const [method, ofMethod] of grouped(specs, (spec) => spec.method)) {
    const machine = region === undefined ? null : machineFor(definition);
    const earlier = await findEarlierRuns(database, method, earlierRuns);
    const planOf = planMethod(method, ofMethod, earlier, { prices, machine });
    methods.push(planOf.method);
    for (const spec of ofMethod) secondsOf.set(spec, planOf.secondsOf(spec));
  }
  const runsAtATime = slots ?? ownSlots ?? null;
  return {
    runs: specs.length,
    variants: new Set(specs.map(({ variant }) => variant)).size,
    methods,
    seconds: totalOf(methods.map(({ seconds }) => seconds)),
    cost: totalOf(methods.map(({ cost }) => cost)),
    slots: runsAtATime,
    wallClockSeconds: wallClockOf(
      specs.map((spec) => ({
        id: spec.runId,
        seconds: secondsOf.get(spec) ?? null,
        dependsOn: dependenciesOf(spec),
      })),
      runsAtATime ?? specs.length,
    ),
    notes: [
      'Seconds are those of all runs one after another; the wall clock is theirs in the slots, no other experiment beside it.',
      ...(definition.halving
        ? ['Runs that successive halving stops take less: these figures are an upper bound.']
        : []),
    ],
  };
}

/** The smallest machine that AWS Batch may start for a run; null where the definition names none there is. */
function machineFor({ compute }: ExperimentDefinition): Machine | null {
  const parsed = computeSchema.safeParse(compute ?? {});
  if (!parsed.success) return null;
  const { gpu, capacity } = parsed.data;
  return { instanceType: `${gpu}.${instanceSizes[gpu][0]}`, capacity };
}

interface TimedRun {
  id: string;
  seconds: number | null;
  dependsOn: readonly string[];
}

/** Runs in their order, each in the slot that is free first; those that take the model of another begin when it is done. */
function wallClockOf(runs: readonly TimedRun[], slots: number): number | null {
  // A service without slots carries nothing out.
  if (slots === 0) return null;
  const free = new Array<number>(Math.min(slots, runs.length)).fill(0);
  const ends = new Map<string, number>();
  for (const { id, seconds, dependsOn } of afterDependencies(runs)) {
    if (seconds === null) return null;
    const slot = free.indexOf(Math.min(...free));
    // Dependencies in other experiments have succeeded already: creation requires it.
    free[slot] = Math.max(free[slot]!, ...dependsOn.map((other) => ends.get(other) ?? 0)) + seconds;
    ends.set(id, free[slot]!);
  }
  return Math.max(...free);
}

/** The runs in their order, but each behind those it depends on. */
function afterDependencies(runs: readonly TimedRun[]): Iterable<TimedRun> {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const ordered = new Set<TimedRun>();
  const add = (run: TimedRun) => {
    for (const id of run.dependsOn) {
      const dependency = byId.get(id);
      if (dependency !== undefined && !ordered.has(dependency)) add(dependency);
    }
    ordered.add(run);
  };
  for (const run of runs) add(run);
  return ordered;
}

function planMethod(
  method: string,
  specs: readonly RunSpec[],
  earlier: readonly EarlierRun[],
  { prices, machine }: { prices: PriceSettings; machine: Machine | null },
): { method: PlannedMethod; secondsOf: (spec: RunSpec) => number | null } {
  const runs = earlier.map((run) => ({ ...run, spec: specOfRecord(run.spec) }));
  const onTheseData = runs.filter(({ spec }) => spec.data.train === specs[0]!.data.train);
  const used = onTheseData.length > 0 ? onTheseData : runs;
  // Work grows with epochs and rows; what a setting such as the width of the student costs is not told apart.
  const work = (spec: RunSpec) => epochsOf(spec) * spec.parameters.trainShare;
  const total = specs.reduce((sum, spec) => sum + work(spec), 0);
  const perWork = (figure: (run: (typeof used)[number]) => number | null): number | null => {
    const known = used.flatMap((run) => {
      const value = figure(run);
      return value === null ? [] : [value / work(run.spec)];
    });
    return known.length === 0 ? null : medianOf(known);
  };
  const times = (figure: number | null, amount: number) => (figure === null ? null : figure * amount);
  const [secondsPerWork, costPerWork] = [perWork(({ elapsedSeconds }) => elapsedSeconds), perWork(({ cost }) => cost)];
  const seconds = times(secondsPerWork, total);
  const price = costPerWork === null && used.length > 0 ? priceOf(used[0]!.machine ?? machine, prices) : null;
  return {
    method: {
      method,
      runs: specs.length,
      epochs: specs.reduce((sum, spec) => sum + epochsOf(spec), 0),
      seconds,
      cost: price === null ? times(costPerWork, total) : times(seconds, price.perHour / 3600),
      basis: basisOf(method, used.length, { onTheseData: onTheseData.length > 0, price }),
    },
    secondsOf: (spec) => times(secondsPerWork, work(spec)),
  };
}

function basisOf(method: string, runs: number, given: { onTheseData: boolean; price: Price | null }): string {
  if (runs === 0) return `no earlier run of ${method}`;
  const times = `the median of ${runs} earlier runs ${given.onTheseData ? 'of these data' : 'of other data'}`;
  return given.price === null
    ? times
    : `${times}; its cost by ${Number(given.price.perHour.toFixed(4))} USD an hour, ${given.price.source}`;
}

/** Of at least one value. */
function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

const totalOf = (values: readonly (number | null)[]): number | null =>
  values.reduce<number | null>((sum, value) => (sum === null || value === null ? null : sum + value), 0);
