import { z } from 'zod';
import { experimentsPrefix, runsPrefix, specKey } from '../../contract/keys';
import { DamagedObjectError, orDamage } from '../../contract/objects/damaged-object';
import { readStored } from '../../contract/objects/stored-json';
import type { AttemptEnd } from '../../contract/records';
import { parseRunSpec, type RunSpec } from '../../contract/run-spec';
import type { Services } from '../context/context';
import { useOf } from '../cost/attempt-cost.store';
import type { Database } from '../database/database';
import type { ExperimentTable, RunTable } from '../database/tables';
import { inTransaction } from '../database/transaction';
import { completeDefinition, type ExperimentDefinition } from '../definition/definition';
import { newRun } from '../definition/new-run';
import { planRuns } from '../definition/plan-runs';
import { hasExperiment, insertExperiment, insertParameters, insertRuns } from '../experiments/experiment.store';
import { isExperimentKey, readExperimentRecord } from '../experiments/experiment-record';
import { ingestResult, ingestRun, recordEnd } from '../ingest/ingest.service';
import { type Cancellation, keysUnder, readAttemptEnd, readAttempts, readCancellation } from '../ingest/run-objects';
import { updateAttempt } from '../runs/attempt.store';
import { findRun, findRunState } from '../runs/run.store';
import { countExperiments, findAllRuns, nextPosition, restoreColumns } from './reindex.store';

export interface ReindexReport {
  experiments: number;
  runs: number;
  /** What of the objects was left out, and why. */
  problems: string[];
}

/** Home of runs that were made by hand, without an experiment. */
const unassigned = 'unassigned';

/**
 * Fills empty records from the objects alone: experiments from their definitions, or from the specs of their runs
 * where these are gone; runs, parameters, attempts, metrics and results. Tags given later, notes, archiving and
 * request keys are nowhere but in the records.
 */
export async function reindex(services: Services): Promise<ReindexReport> {
  const problems: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>) =>
    work().catch((error: Error) => problems.push(`${what}: ${error.message}`));
  for await (const key of keysUnder(services.objects, experimentsPrefix))
    if (isExperimentKey(key)) await attempt(key, () => restoreExperiment(services, key));
  for (const runId of await runIds(services)) {
    await attempt(specKey(runId), () => restoreSpec(services, runId));
  }
  const runs = await findAllRuns(services.database);
  for (const id of runs) {
    await attempt(`runs/${id}`, () => restoreLife(services, id));
    problems.push(...(await findDamage(services, id)));
  }
  return { experiments: await countExperiments(services.database), runs: runs.length, problems };
}

async function runIds({ objects }: Services): Promise<string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await objects.list(runsPrefix, { ...(after === undefined ? {} : { after }), limit: 1 });
    const id = page.objects[0]?.key.split('/')[1];
    if (id === undefined) return ids;
    ids.push(id);
    // `0` is the character behind `/`: the next key is of the next run.
    after = `${runsPrefix}${id}0`;
  }
}

async function restoreExperiment({ database, objects }: Services, key: string): Promise<void> {
  const record = await readExperimentRecord(objects, key);
  // Deleted since it was listed.
  if (record === null) return;
  const { id, definition: given, clonedFrom, createdAt, launchedAt } = record;
  const definition = given as unknown as ExperimentDefinition;
  const planned = planRuns(definition, id);
  // A definition that a later version refuses still has runs with specs of their own.
  const specs = planned.kind === 'valid' ? planned.value : [];
  await insertParameters(database, specs);
  await inTransaction(database, async (transaction) => {
    const times = { created_at: createdAt, updated_at: createdAt, launched_at: launchedAt };
    await insertExperiment(
      transaction,
      experimentRow(id, definition, { ...times, cloned_from: clonedFrom }),
      definition.tags,
    );
    await insertRuns(
      transaction,
      specs.map((spec, position) => newRun(spec, { experimentId: id, position, createdAt, changedAt: createdAt })),
    );
  });
}

function experimentRow(id: string, definition: ExperimentDefinition, given: Partial<ExperimentTable>): ExperimentTable {
  const now = new Date().toISOString();
  return {
    id,
    name: definition.name,
    question: definition.question,
    state: 'launched',
    stop_reason: null,
    definition: JSON.stringify(definition),
    cloned_from: null,
    created_at: now,
    updated_at: now,
    launched_at: now,
    archived_at: null,
    infrastructure_failures: 0,
    max_cost: definition.maxCost ?? null,
    stop_kind: null,
    ...given,
  };
}

/** A run that no definition made, from its spec. */
async function restoreSpec(services: Services, runId: string): Promise<void> {
  const { database, objects } = services;
  const stored = await readStored(objects, specKey(runId), z.unknown());
  if ((await findRunState(database, runId)) !== null) return;
  if (stored === null) throw new Error('does not exist: what lies in this prefix is of no run');
  const parsed = parseRunSpec(stored);
  if (parsed.kind === 'invalid')
    throw new Error(parsed.problems.map(({ path, message }) => `${path}: ${message}`).join('; '));
  const spec = parsed.value;
  const experimentId = spec.experimentId ?? unassigned;
  const createdAt = (await objects.info(specKey(runId)))?.modifiedAt.toISOString() ?? new Date().toISOString();
  await insertParameters(database, [spec]);
  await inTransaction(database, async (transaction) => {
    if (!(await hasExperiment(transaction, experimentId)))
      await insertExperiment(transaction, experimentRow(experimentId, definitionOf(spec), {}), []);
    const position = await nextPosition(transaction, experimentId);
    await insertRuns(transaction, [newRun(spec, { experimentId, position, createdAt, changedAt: createdAt })]);
  });
}

/** As much of a lost definition as one of its runs tells. */
function definitionOf({ experimentId, variant, method, data, seed }: RunSpec): ExperimentDefinition {
  const name = experimentId === null ? 'Runs without an experiment' : `Experiment ${experimentId}`;
  return completeDefinition({
    name,
    question: 'The definition was lost; each run has its own.',
    data,
    variants: [{ name: variant, method, parameters: {} }],
    seeds: [seed],
  });
}

/** Attempts, metrics and state of a run, from what its attempts wrote: taken in as while it ran, then ended as it did. */
async function restoreLife(services: Services, runId: string): Promise<void> {
  const { database, objects } = services;
  const set = (columns: Partial<RunTable>) => restoreColumns(database, runId, columns);
  const attempts = await readAttempts(objects, runId);
  const newest = attempts.at(-1);
  if (newest !== undefined) {
    const times = { submitted_at: newest.startedAt, started_at: attempts[0]!.startedAt };
    await set({ ...times, state: 'STARTING', attempt: newest.attempt });
  }
  const wish = await readCancellation(objects, runId);
  // Judgements were made in the order of arrivals, which is not that of the reindex: they are kept, not made again.
  await ingestRun(services, runId, wish?.stoppedAtEpoch ?? null);
  let end: AttemptEnd | null = null;
  for (const { attempt } of attempts) {
    end = await readAttemptEnd(objects, runId, attempt);
    await restoreAttemptEnd(database, runId, attempt, end);
    // What the successful attempt used comes with its result.
    if (end === null || end.outcome === 'succeeded') continue;
    const costs = await recordEnd(services, runId, useOf(attempt, end));
    if (costs.billed_seconds !== undefined) await set(costs);
  }
  const taken = await orDamage(ingestResult(services, runId));
  if (taken instanceof DamagedObjectError) {
    await set(damagedState(taken));
    throw taken;
  }
  if (taken === null) await set(unfinishedState(wish, end));
  // The time of the event would be that of the reindex.
  else if (end?.outcome === 'succeeded') await set({ finished_at: end.endedAt });
}

async function restoreAttemptEnd(database: Database, runId: string, attempt: number, end: AttemptEnd | null) {
  const failure = end?.outcome === 'failed' ? end : null;
  await updateAttempt(
    database,
    { runId, attempt },
    {
      outcome: end?.outcome ?? 'lost',
      ended_at: end?.endedAt ?? null,
      failure_kind: failure?.kind ?? null,
      failure_message: failure?.message ?? null,
    },
  );
}

/** Objects of a run that were left out, and why. */
async function findDamage({ database }: Services, runId: string): Promise<string[]> {
  const run = await findRun(database, runId);
  return run?.damage == null ? [] : JSON.parse(run.damage);
}

/** It had a result that cannot be read: to carry it out again would not bring that back. */
const damagedState = ({ key, message }: DamagedObjectError): Partial<RunTable> => ({
  state: 'FAILED',
  phase: null,
  failure_kind: 'input',
  failure_message: message,
  failure_problems: JSON.stringify([{ path: key, message }]),
  finished_at: new Date().toISOString(),
});

/** A run without a result waits to be begun or gone on with, unless it failed, was cancelled or stopped. */
function unfinishedState(wish: Cancellation | null, end: AttemptEnd | null): Partial<RunTable> {
  if (wish !== null) {
    const stopped = wish.stoppedAtEpoch !== undefined;
    const state = stopped ? ('STOPPED' as const) : ('CANCELLED' as const);
    return { state, phase: null, cancel_requested: stopped ? 2 : 1, finished_at: wish.at };
  }
  if (end?.outcome !== 'failed') return { state: 'PENDING', phase: null };
  return {
    state: 'FAILED',
    phase: null,
    failure_kind: end.kind,
    failure_message: end.message,
    failure_problems: JSON.stringify(end.problems),
    finished_at: end.endedAt,
  };
}
