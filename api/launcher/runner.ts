import type { Services } from '../context/context';
import { hasBatchJobs } from '../database/grants';
import { ingestRun } from '../ingest/ingest.service';
import { updateAttempt } from '../runs/attempt.store';
import { applyEvent } from '../runs/run-life.service';
import { isFullDisk } from '../shared/errors';
import { alone, type Team } from '../team/team';
import type { ActiveRun } from './dispatch.store';
import { launchReadyRuns } from './dispatcher';
import type { Job, JobEnd, Launcher, LauncherEvents } from './launcher';
import { removeOrphans } from './orphans';
import { type JobPlace, reconcile, type Sighting } from './reconcile';
import { settleAttempt } from './settle';

export interface RunnerOptions {
  /** Where the objects are, as trainers are told. */
  objectsLocation: string;
  stopMilliseconds: number;
  /** Crashes in a row without getting further, after which a run has failed. */
  crashLimit: number;
  /** Without a sign of life for so long, a trainer is stopped and its run tried again. */
  stallMilliseconds: number;
  /** Between two looks at everything: what hints and events should have told already. */
  pollMilliseconds: number;
  log(line: string): void;
}

/** Keeps runs going: launches them, follows them, and puts right what died. */
export interface Runner {
  launcher: Launcher;
  start(): Promise<void>;
  /** There may be work. */
  wake(): void;
  /** Stops the trainers, which write checkpoints, and has their runs wait for the next start. */
  close(): Promise<void>;
}

/**
 * One look at everything at a time, after every wake-up and every few seconds: each decides from the records, the
 * objects and the trainers there are, so a wake-up that is lost costs a moment and nothing else.
 */
export function createRunner(
  services: Services,
  createLauncher: (events: LauncherEvents) => Launcher,
  options: RunnerOptions,
  team: Team = alone,
): Runner {
  /** Attempts from their claim until their end is in the records. */
  const underway = new Map<string, Promise<void> | null>();
  const logFailure = (doing: string) => (error: unknown) =>
    options.log(`${doing} failed, and is tried again: ${wordsFor(error)}`);
  const ingestSoon = oneAtATime((runId: string) => ingestRun(services, runId).catch(logFailure(`ingest of ${runId}`)));
  const recorded = new Set<string>();
  let occupied: ReadonlySet<string> = new Set();
  let timer: NodeJS.Timeout | null = null;
  let closing = false;

  const settle = (job: Job, end: JobEnd | null) => {
    const interruptedReason = closing
      ? 'interrupted by the stop of the server; goes on at its next start'
      : 'was interrupted; waits to go on from its checkpoint';
    const settled = settleAttempt(services, job, end, { crashLimit: options.crashLimit, interruptedReason })
      .catch(logFailure(`settling attempt ${job.attempt} of ${job.runId}`))
      .finally(() => {
        underway.delete(job.runId);
        wake();
      });
    underway.set(job.runId, settled);
  };

  const launcher = createLauncher({
    started: (job, place) => void recordStart(services, job, place).catch(logFailure(`recording ${job.runId}`)),
    wrote: (job) => ingestSoon(job.runId),
    ended: settle,
  });

  const sightingOf = ({ id: runId, jobSentAt }: ActiveRun, ofOthers: ReadonlySet<string>): Sighting => {
    // AWS Batch sees to it.
    if (jobSentAt !== null) return { kind: 'unknown' };
    if (underway.has(runId)) return { kind: 'at-work', since: null, log: null };
    // Another server sees to it, or a trainer of an earlier one is leaving.
    return ofOthers.has(runId) || occupied.has(runId) ? { kind: 'unknown' } : { kind: 'ended', end: null };
  };
  const place: JobPlace = {
    async look(runs) {
      // Asked after the runs: whoever took one of them since is among the answers.
      const ofOthers = await team.runsOfOthers();
      return new Map(runs.map((run) => [run.id, sightingOf(run, ofOthers)]));
    },
    follow: async () => {},
    settle: async ({ id, attempt }, end) => settle({ runId: id, attempt }, end),
    stop: async ({ id }, reason) => launcher.stop(id, reason.kind === 'stalled' ? reason.message : undefined),
    async launchReady() {
      if (closing) return [];
      // An attempt whose end is in the records, but which is still being seen to, is no reason to begin the next one yet.
      const excluded = [...occupied, ...underway.keys()];
      await launchReadyRuns(services, launcher, excluded, team, (job) => underway.set(job.runId, null));
      return [];
    },
    whyNotLaunched({ id }) {
      if (occupied.has(id)) return 'waits until the trainer of an earlier server has left';
      // Each server of a team has slots of its own.
      if (team.serverId !== null) return 'waits for a free slot';
      const { total, busy } = launcher.slots();
      return total === 0
        ? 'waits for a server with slots: this one has none'
        : `waits for a free slot (${busy} of ${total} busy)`;
    },
  };
  const look = async () => {
    // Runs of a stack on AWS are launched, followed and explained by its own reconciler.
    if (closing || !team.isHeld() || (await hasBatchJobs(services.database))) return;
    const { stallMilliseconds } = options;
    for (const problem of await reconcile(services, place, { stallMilliseconds, recorded }))
      logFailure('looking after a run')(problem);
  };
  const wakeUp = oneAtATime((_: 'everything') => look().catch(logFailure('looking after the runs')));
  const wake = () => wakeUp('everything');

  return {
    launcher,
    wake,
    async start() {
      occupied = await removeOrphans(options.objectsLocation, options.stopMilliseconds, wake, () =>
        team.runsOfOthers(),
      );
      timer = setInterval(() => {
        for (const job of launcher.jobs()) ingestSoon(job.runId);
        wake();
      }, options.pollMilliseconds);
      wake();
    },
    async close() {
      closing = true;
      if (timer !== null) clearInterval(timer);
      await wakeUp.idle();
      await launcher.close();
      while (underway.size > 0) await Promise.all([...underway.values(), nextTurn()]);
      await ingestSoon.idle();
    },
  };
}

/** The stack of an error of the program; a full disk is no error of the program. */
function wordsFor(error: unknown): unknown {
  if (isFullDisk(error)) return 'the disk is full: free some space';
  return error instanceof Error ? error.stack : error;
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

async function recordStart(services: Services, job: Job, place: { host: string; pid: number }): Promise<void> {
  await updateAttempt(services.database, job, place);
  await applyEvent(services, job.runId, { kind: 'started', attempt: job.attempt });
}

interface OneAtATime<K> {
  (key: K): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/** Carries out `work` once at a time for every key; however often it is asked for meanwhile, once more after. */
function oneAtATime<K>(work: (key: K) => Promise<void>): OneAtATime<K> {
  const running = new Map<K, Promise<void>>();
  const askedAgain = new Set<K>();
  const run = async (key: K): Promise<void> => {
    do {
      askedAgain.delete(key);
      await work(key);
    } while (askedAgain.has(key));
    running.delete(key);
  };
  const ask = (key: K) => {
    if (running.has(key)) askedAgain.add(key);
    else running.set(key, run(key));
  };
  return Object.assign(ask, {
    async idle() {
      while (running.size > 0) await Promise.all(running.values());
    },
  });
}
