import type { Services } from '../context/context';
import { stopBeyondMaxCost } from '../cost/max-cost.service';
import { pruneIfDue } from '../pruning/prune.service';
import { inParallel } from '../shared/in-parallel';
import { type ActiveRun, findActiveRuns, type WaitingRun } from './dispatch.store';
import { followDependencies, recordExperiments } from './dispatcher';
import type { JobEnd } from './launcher';
import { explainWaiting } from './waiting';

/** What is to be seen of the job of a run that is under way by the records. */
export type Sighting =
  /** Too early to say whether there is one. */
  | { kind: 'unknown' }
  /** It has no machine yet. `isStuck`: for longer than that takes, and nobody says why. */
  | { kind: 'waiting'; reason: string; isStuck: boolean }
  /** Its trainer lives. `since`: when it began, where the sign of life in the records may be of an earlier one. */
  | { kind: 'at-work'; since: Date | null; log: string | null }
  /** `null`: nobody knows how. */
  | { kind: 'ended'; end: JobEnd | null };

/** Why a job is to be stopped. `withdrawn`: its experiment launches no more, and it has not begun. */
export type StopReason = { kind: 'cancelled' } | { kind: 'withdrawn' } | { kind: 'stalled'; message: string };

/** What follows from the records of a run and a sighting of its job. */
export type Decision =
  | { kind: 'leave' }
  | { kind: 'settle'; end: JobEnd | null }
  | { kind: 'stop'; reason: StopReason };

/** Where jobs are: the trainers of this machine, or AWS Batch. */
export interface JobPlace {
  look(runs: readonly ActiveRun[]): Promise<ReadonlyMap<string, Sighting>>;
  /** Told of every run whose job is there and stays, to keep its records up to date. */
  follow(run: ActiveRun, sighting: Sighting): Promise<void>;
  /** Has the records take the end of an attempt. */
  settle(run: ActiveRun, end: JobEnd | null): Promise<void>;
  stop(run: ActiveRun, reason: StopReason): Promise<void>;
  /** Takes up runs that nothing keeps from starting, as far as there is room. @returns what went wrong for single ones */
  launchReady(): Promise<Error[]>;
  /** Why a run waits that is ready but for the place itself. */
  whyNotLaunched(run: WaitingRun): string;
}

export interface ReconcileOptions {
  /** Without a sign of life for so long, a trainer is stopped and its run tried again. */
  stallMilliseconds: number;
  /** Ids of experiments whose definitions are known to be in the objects. */
  recorded: Set<string>;
}

/**
 * One look at everything: brings records, jobs and objects in line, and launches what is ready. It decides from what
 * it finds and remembers nothing, so that it may run at any time, twice or at two places at once.
 * @returns what went wrong for single runs, after all others were seen to
 */
export async function reconcile(services: Services, place: JobPlace, options: ReconcileOptions): Promise<Error[]> {
  const runs = await findActiveRuns(services.database);
  const sightings = await place.look(runs);
  const problems = await inParallel(runs, async (run) => {
    const sighting = sightings.get(run.id) ?? { kind: 'unknown' };
    await carryOut(place, run, sighting, decide(run, sighting, Date.now(), options.stallMilliseconds));
  });
  await recordExperiments(services, options.recorded);
  await followDependencies(services);
  await stopBeyondMaxCost(services);
  problems.push(...(await place.launchReady()));
  await explainWaiting(services, (run) => place.whyNotLaunched(run));
  await pruneIfDue(services);
  return problems;
}

/** Also for a single run of which something was heard. */
export async function carryOut(place: JobPlace, run: ActiveRun, sighting: Sighting, decision: Decision): Promise<void> {
  switch (decision.kind) {
    case 'settle':
      return place.settle(run, decision.end);
    case 'stop':
      return place.stop(run, decision.reason);
    case 'leave':
      return place.follow(run, sighting);
  }
}

/** @param now milliseconds since 1970 */
export function decide(run: ActiveRun, sighting: Sighting, now: number, stallMilliseconds: number): Decision {
  switch (sighting.kind) {
    case 'unknown':
      return { kind: 'leave' };
    case 'ended':
      return { kind: 'settle', end: sighting.end };
    case 'waiting':
      if (run.cancel_requested !== 0) return { kind: 'stop', reason: { kind: 'cancelled' } };
      return run.experimentState === 'stopped' ? { kind: 'stop', reason: { kind: 'withdrawn' } } : { kind: 'leave' };
    case 'at-work': {
      if (run.cancel_requested !== 0) return { kind: 'stop', reason: { kind: 'cancelled' } };
      const newestSign = Math.max(Date.parse(run.heartbeat_at ?? '') || 0, sighting.since?.getTime() ?? 0);
      return now - newestSign > stallMilliseconds
        ? { kind: 'stop', reason: { kind: 'stalled', message: stalledMessage(stallMilliseconds) } }
        : { kind: 'leave' };
    }
  }
}

const stalledMessage = (milliseconds: number): string =>
  `the trainer gave no sign of life for ${Math.round(milliseconds / 1000)} seconds and was stopped`;
