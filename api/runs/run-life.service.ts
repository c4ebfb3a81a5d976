import { isOver } from '../../contract/run-states';
import type { Services } from '../context/context';
import type { DatabaseTransaction } from '../database/database';
import type { RunTable } from '../database/tables';
import { inTransaction } from '../database/transaction';
import { grouped } from '../shared/grouped';
import { recordServer } from '../team/team.store';
import { endRunningAttempt, insertAttempt } from './attempt.store';
import { countInfrastructureFailures } from './experiment-halt';
import { findRun, findRunsById, nextChangeTime, updateRun, updateRuns } from './run.store';
import { attemptOutcome, type Failure, failureKindOf, type RunEvent, type RunLife, transition } from './run-life';

/** Figures that come with an event and are stored with it. */
export type RunFigures = Partial<
  Pick<
    RunTable,
    | 'phase'
    | 'step'
    | 'total_steps'
    | 'epoch'
    | 'total_epochs'
    | 'engine'
    | 'device'
    | 'elapsed_seconds'
    | 'trained_parameters'
    | 'model_bytes'
    | 'result_notes'
    | 'data_files'
    | 'damage'
    | 'selected_epoch'
    | 'heartbeat_at'
    | 'waiting_reason'
    | 'job_name'
    | 'job_index'
    | 'instance_type'
    | 'price_per_hour'
    | 'billed_seconds'
    | 'cost'
    | 'energy_watt_hours'
    | 'energy_source'
  >
>;

/** The run after a change that was made. */
export interface ChangedRun {
  id: string;
  experimentId: string;
  life: RunLife;
}

/**
 * Applies an event to a run and tells the subscribers; null where it changed nothing.
 * @param figures stored with the event, where it is applied
 */
export async function applyEvent(
  services: Services,
  runId: string,
  event: RunEvent,
  figures: RunFigures = {},
): Promise<ChangedRun | null> {
  const changed = await inTransaction(services.database, (transaction) =>
    applyEventIn(transaction, runId, event, figures),
  );
  if (changed !== null) services.changes.runChanged(changed.experimentId, changed.id);
  return changed;
}

/** As `applyEvent`, within a transaction of the caller, who announces the change once it is committed. */
export async function applyEventIn(
  transaction: DatabaseTransaction,
  runId: string,
  event: RunEvent,
  figures: RunFigures = {},
): Promise<ChangedRun | null> {
  const run = await findRun(transaction, runId);
  const next = run && transition(lifeOf(run), event);
  if (!run || !next) return null;
  const now = new Date().toISOString();
  const isUpdated = await updateRun(transaction, run, {
    ...columnsOf(next),
    ...consequences(run, next, event, now),
    ...figures,
    updated_at: await nextChangeTime(transaction),
  });
  // Another writer came between, which only an engine without serial transactions allows: the caller's work is undone.
  if (!isUpdated) throw new Error(`run ${runId} was changed by another writer at the same moment`);
  await recordAttempt(transaction, run, next, event, now);
  await countInfrastructureFailures(transaction, run.experiment_id, event, next);
  return { id: run.id, experimentId: run.experiment_id, life: next };
}

/** A request by a person. It changes only the run's own row. */
export type Wish = Extract<RunEvent, { kind: 'cancel-requested' | 'retried' }>;

/**
 * Applies a wish to many runs in a few statements, whatever their number, within a transaction of the caller, who
 * announces the changes once they are committed.
 * @returns the runs that it changed, in the order of `runIds`
 */
export async function applyWish(
  transaction: DatabaseTransaction,
  runIds: readonly string[],
  wish: Wish,
): Promise<ChangedRun[]> {
  const now = new Date().toISOString();
  const changes: { run: RunTable; next: RunLife; columns: Partial<RunTable> }[] = [];
  for (const run of await findRunsById(transaction, runIds)) {
    const next = transition(lifeOf(run), wish);
    if (next !== null)
      changes.push({ run, next, columns: { ...columnsOf(next), ...consequences(run, next, wish, now) } });
  }
  const updated_at = changes.length === 0 ? now : await nextChangeTime(transaction);
  for (const alike of grouped(changes, ({ columns }) => JSON.stringify(columns)).values())
    await updateRuns(
      transaction,
      alike.map(({ run }) => run.id),
      { ...alike[0]!.columns, updated_at },
    );
  const byId = new Map(
    changes.map(({ run, next }) => [run.id, { id: run.id, experimentId: run.experiment_id, life: next }]),
  );
  return runIds.flatMap((id) => byId.get(id) ?? []);
}

export function lifeOf(run: RunTable): RunLife {
  return {
    state: run.state,
    attempt: run.attempt,
    crashes: run.crashes,
    cancelRequested: run.cancel_requested !== 0,
    stoppedEarly: run.cancel_requested === 2,
    failureKind: failureKindOf(run.failure_kind),
  };
}

function columnsOf(life: RunLife) {
  return {
    state: life.state,
    attempt: life.attempt,
    crashes: life.crashes,
    cancel_requested: life.stoppedEarly ? 2 : life.cancelRequested ? 1 : 0,
    failure_kind: life.failureKind,
  };
}

/** What else an event changes in the row of the run. */
function consequences(run: RunTable, next: RunLife, event: RunEvent, now: string): Partial<RunTable> {
  const noFailure = { failure_kind: null, failure_message: null, failure_problems: null };
  switch (event.kind) {
    case 'claimed':
      return { ...noFailure, waiting_reason: null, submitted_at: now, phase: null, heartbeat_at: now };
    case 'started':
      return { heartbeat_at: now };
    case 'progressed':
    case 'continued':
      return { started_at: run.started_at ?? now, waiting_reason: null };
    case 'succeeded':
      return { ...noFailure, waiting_reason: null, phase: null, finished_at: now };
    case 'failed':
    case 'dependency-failed':
      return { ...finish(next, now), ...(next.state === 'FAILED' ? failureColumns(event.failure) : {}) };
    case 'crashed':
      // Also shown while it waits for the next try: the reason is the message.
      return next.state === 'PENDING'
        ? { waiting_reason: `waits for another try: ${event.failure.message}`, phase: null }
        : { ...finish(next, now), ...(next.state === 'FAILED' ? failureColumns(event.failure) : {}) };
    case 'interrupted':
      return next.state === 'PENDING' ? { waiting_reason: event.reason, phase: null } : finish(next, now);
    case 'cancel-requested':
    case 'stopped-early':
      return isOver(next.state) ? finish(next, now) : { phase: 'stopping' };
    case 'retried':
    case 'dependency-revived':
      return { ...noFailure, waiting_reason: null, finished_at: null };
  }
}

const finish = (next: RunLife, now: string): Partial<RunTable> =>
  next.state === 'PENDING' ? {} : { waiting_reason: null, phase: null, finished_at: now };

function failureColumns(failure: Failure) {
  return {
    failure_message: failure.message.slice(0, failureMessageLimit),
    failure_problems: JSON.stringify(failure.problems.slice(0, failureProblemLimit)),
  };
}

/** A failure is part of every event of its run, and events stay small. */
const failureMessageLimit = 4000;
const failureProblemLimit = 50;

async function recordAttempt(
  transaction: DatabaseTransaction,
  run: RunTable,
  next: RunLife,
  event: RunEvent,
  now: string,
): Promise<void> {
  if (event.kind === 'claimed') {
    await insertAttempt(transaction, { runId: run.id, attempt: event.attempt }, now);
    if (event.serverId !== undefined) await recordServer(transaction, run.id, event.attempt, event.serverId);
  }
  const outcome = attemptOutcome(event, next);
  if (outcome === null) return;
  const failure = event.kind === 'failed' || event.kind === 'crashed' ? event.failure : null;
  const attempt = event.kind === 'continued' ? run.attempt : next.attempt;
  await endRunningAttempt(
    transaction,
    { runId: run.id, attempt },
    {
      outcome,
      ended_at: now,
      failure_kind: failure?.kind ?? null,
      failure_message: failure?.message.slice(0, failureMessageLimit) ?? null,
    },
  );
}
