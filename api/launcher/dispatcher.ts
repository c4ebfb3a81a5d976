import { cancelledKey, specKey } from '../../contract/keys';
import { DamagedObjectError } from '../../contract/objects/damaged-object';
import { specOfRecord } from '../../contract/run-spec';
import type { Services } from '../context/context';
import { findExperiment } from '../experiments/experiment.store';
import { writeExperimentRecord } from '../experiments/experiment-record';
import { ingestResult } from '../ingest/ingest.service';
import { newestAttemptNumber } from '../ingest/run-objects';
import { applyEvent } from '../runs/run-life.service';
import type { Team } from '../team/team';
import {
  type Dependency,
  findLaunchingExperiments,
  findReadyRuns,
  findRevivedRuns,
  findRunsWithoutModel,
  type ReadyRun,
} from './dispatch.store';
import type { Job, Launcher } from './launcher';

/**
 * Keeps the definitions of launched experiments in the objects too, so that the records can be rebuilt from these.
 * @param recorded ids for which that was done before
 */
export async function recordExperiments(services: Services, recorded: Set<string>): Promise<void> {
  for (const id of await findLaunchingExperiments(services.database)) {
    if (recorded.has(id)) continue;
    const experiment = await findExperiment(services.database, id);
    if (experiment !== undefined) await writeExperimentRecord(services.objects, experiment);
    recorded.add(id);
  }
}

/** Fails the runs that wait for a model that no run leaves, and has those wait again whose dependencies are being retried. */
export async function followDependencies(services: Services): Promise<void> {
  for (const id of await findRevivedRuns(services.database))
    await applyEvent(services, id, { kind: 'dependency-revived' });
  for (const { id, dependency } of await findRunsWithoutModel(services.database)) {
    const message = `its ${dependency.role}, run ${dependency.id}, ${whyWithoutModel(dependency)} Retry that run: this one then follows by itself.`;
    await applyEvent(services, id, {
      kind: 'dependency-failed',
      failure: { kind: 'dependency', message, problems: [{ path: `${dependency.role}.runId`, message }] },
    });
  }
}

function whyWithoutModel({ state, failure }: Dependency): string {
  if (state === 'FAILED') return `failed: ${failure ?? 'no message'}`;
  return state === 'STOPPED' ? 'was stopped by successive halving.' : 'was cancelled.';
}

/**
 * Launches ready runs while slots are free. First the record, then the claim, then the trainer: whatever dies in
 * between leaves a claimed run without a trainer, which the reconciler finds.
 * @param claimed called before the trainer starts
 */
export async function launchReadyRuns(
  services: Services,
  launcher: Launcher,
  excluded: readonly string[],
  team: Team,
  claimed: (job: Job) => void,
): Promise<void> {
  const { total, busy } = launcher.slots();
  if (busy >= total) return;
  for (const run of await findReadyRuns(services.database, total - busy, { runs: excluded })) {
    const job = await prepare(services, run);
    if (job === null) continue;
    const by = team.serverId === null ? {} : { serverId: team.serverId };
    const changed = await applyEvent(services, run.id, { kind: 'claimed', attempt: job.attempt, ...by });
    if (changed === null) continue;
    await services.objects.delete(cancelledKey(run.id));
    // Claimed, and taken for dead since: the run is another server's.
    if (!team.isHeld()) return;
    claimed(job);
    launcher.launch(job);
  }
}

/** Has the objects of a run ready for its trainer; null where its result is there already. */
export async function prepare(services: Services, run: ReadyRun): Promise<Job | null> {
  if (await hasSucceeded(services, run.id)) return null;
  await services.objects.write(specKey(run.id), `${JSON.stringify(specOfRecord(run.spec), null, 2)}\n`, {
    if: 'absent',
  });
  // The number that the trainer will take: the one behind the newest attempt that has a record.
  return { runId: run.id, attempt: (await newestAttemptNumber(services.objects, run.id)) + 1 };
}

/** A damaged result keeps no other run from its launch: this one's attempt ends with the word for it. */
async function hasSucceeded(services: Services, runId: string): Promise<boolean> {
  try {
    return (await ingestResult(services, runId)) !== null;
  } catch (error) {
    if (error instanceof DamagedObjectError) return false;
    throw error;
  }
}
