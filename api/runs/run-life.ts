import type { failureKinds } from '../../contract/records';
import type { AttemptTable, RunState } from '../database/tables';

/** What of a run decides which events it takes. */
export interface RunLife {
  state: RunState;
  /** The newest attempt that was claimed; 0 before the first. */
  attempt: number;
  /** Attempts in a row that crashed without getting further than the one before. */
  crashes: number;
  cancelRequested: boolean;
  /** It is successive halving that asked for the end: it is then STOPPED instead of CANCELLED. */
  stoppedEarly: boolean;
  failureKind: FailureKind | null;
}

/** `dependency`: a run whose model it takes failed or was cancelled, so this one never began. */
export type FailureKind = (typeof failureKinds)[number] | 'dependency';

/** The kinds in the database that mean `dependency`: it was `teacher` while only teachers came from other runs. */
export const dependencyFailures = ['dependency', 'teacher'] as const;

/** The kind of a failure in the database. */
export const failureKindOf = (stored: string | null): FailureKind | null =>
  stored === 'teacher' ? 'dependency' : (stored as FailureKind | null);

export interface Failure {
  kind: FailureKind;
  message: string;
  problems: { path: string; message: string }[];
}

/**
 * Everything that can happen to a run. Events of an attempt name it, so that one which arrives twice, late or out of
 * order finds its condition unmet.
 */
export type RunEvent =
  /** The dispatcher takes the run: whoever gets this event in may start the attempt, nobody else. `serverId`: of a team. */
  | { kind: 'claimed'; attempt: number; serverId?: string }
  /** A process or job exists for the attempt. */
  | { kind: 'started'; attempt: number }
  /** The attempt gave a sign of life. */
  | { kind: 'progressed'; attempt: number }
  /** The job of the run began another attempt by itself. `left`: what the one before did. */
  | { kind: 'continued'; attempt: number; left: 'checkpoint' | 'nothing' }
  /** A result is stored. */
  | { kind: 'succeeded' }
  /** The attempt ended for a reason that another one would meet again. */
  | { kind: 'failed'; attempt: number; failure: Failure }
  /** The attempt died. `advanced`: it had got further than the one before. */
  | { kind: 'crashed'; attempt: number; failure: Failure; advanced: boolean; crashLimit: number }
  /** The attempt was asked to stop, or went down with the server: no fault of the run. */
  | { kind: 'interrupted'; attempt: number; reason: string; left: 'checkpoint' | 'nothing' }
  | { kind: 'cancel-requested' }
  /** It fell behind others of its search: as a cancellation, but with an end that counts up to there. */
  | { kind: 'stopped-early' }
  | { kind: 'retried' }
  | { kind: 'dependency-failed'; failure: Failure }
  | { kind: 'dependency-revived' };

const activeStates: readonly RunState[] = ['SUBMITTED', 'STARTING', 'RUNNING'];

export const isActive = (state: RunState): boolean => activeStates.includes(state);

// The conditions of the transitions.
/** An attempt that died before it wrote its record leaves its number to the next. */
const mayBeClaimed = (life: RunLife, attempt: number) =>
  life.state === 'PENDING' && !life.cancelRequested && attempt >= life.attempt;
const mayStart = (life: RunLife, attempt: number) => life.state === 'SUBMITTED' && attempt === life.attempt;
const isAtWork = (life: RunLife, attempt: number) => isActive(life.state) && attempt === life.attempt;
const mayContinue = (life: RunLife, attempt: number) => isActive(life.state) && attempt > life.attempt;
const maySucceed = (life: RunLife) => life.state === 'PENDING' || isActive(life.state);
const mayBeRetried = (life: RunLife) =>
  life.state === 'FAILED' || life.state === 'CANCELLED' || life.state === 'STOPPED';
const mayMissADependency = (life: RunLife) => life.state === 'PENDING';
const missedADependency = (life: RunLife) => life.state === 'FAILED' && life.failureKind === 'dependency';

/**
 * The life of a run after an event; null where the event changes nothing, because it came late, twice or for another
 * attempt.
 *
 *     PENDING -> SUBMITTED -> STARTING -> RUNNING -> SUCCEEDED | FAILED | CANCELLED | STOPPED
 *        ^___________|___________|___________|           (interrupted, or crashed with tries left)
 *        ^______________________________________________ (retried)
 */
export function transition(life: RunLife, event: RunEvent): RunLife | null {
  switch (event.kind) {
    case 'claimed':
      return mayBeClaimed(life, event.attempt) ? { ...life, state: 'SUBMITTED', attempt: event.attempt } : null;
    case 'started':
      return mayStart(life, event.attempt) ? { ...life, state: 'STARTING' } : null;
    case 'progressed':
      return isAtWork(life, event.attempt) ? { ...life, state: 'RUNNING' } : null;
    case 'continued':
      return mayContinue(life, event.attempt) ? { ...life, state: 'RUNNING', attempt: event.attempt } : null;
    case 'succeeded':
      return maySucceed(life) ? succeeded(life) : null;
    case 'failed':
      return isAtWork(life, event.attempt) ? ended(life, event.failure) : null;
    case 'crashed':
      return isAtWork(life, event.attempt) ? crashed(life, event) : null;
    case 'interrupted':
      return isAtWork(life, event.attempt) ? waiting(life) : null;
    case 'cancel-requested':
      return askedToEnd(life);
    case 'stopped-early':
      return askedToEnd({ ...life, stoppedEarly: true });
    case 'retried':
      return mayBeRetried(life) ? revived(life) : null;
    case 'dependency-failed':
      return mayMissADependency(life) ? ended(life, event.failure) : null;
    case 'dependency-revived':
      return missedADependency(life) ? revived(life) : null;
  }
}

/** It was faster than the wish to stop it early, of which nothing is left; a cancellation is remembered. */
function succeeded(life: RunLife): RunLife {
  const cancelRequested = life.cancelRequested && !life.stoppedEarly;
  return { ...life, state: 'SUCCEEDED', crashes: 0, cancelRequested, stoppedEarly: false };
}

/** A run that was asked to stop is cancelled, however its attempt ended. */
function ended(life: RunLife, failure: Failure): RunLife {
  return life.cancelRequested
    ? { ...life, state: endOnRequest(life) }
    : { ...life, state: 'FAILED', failureKind: failure.kind };
}

function waiting(life: RunLife): RunLife {
  return { ...life, state: life.cancelRequested ? endOnRequest(life) : 'PENDING' };
}

function crashed(life: RunLife, event: Extract<RunEvent, { kind: 'crashed' }>): RunLife {
  const crashes = event.advanced ? 1 : life.crashes + 1;
  const counted = { ...life, crashes };
  return crashes >= event.crashLimit ? ended(counted, event.failure) : waiting(counted);
}

/** Where nothing is at work there is nothing to wait for. */
function askedToEnd(life: RunLife): RunLife | null {
  if (life.state === 'PENDING') return { ...life, state: endOnRequest(life), cancelRequested: true };
  return isActive(life.state) && !life.cancelRequested ? { ...life, cancelRequested: true } : null;
}

const endOnRequest = (life: RunLife): RunState => (life.stoppedEarly ? 'STOPPED' : 'CANCELLED');

function revived(life: RunLife): RunLife {
  return { ...life, state: 'PENDING', crashes: 0, cancelRequested: false, stoppedEarly: false, failureKind: null };
}

const endedOnRequest = ({ state }: RunLife): boolean => state === 'CANCELLED' || state === 'STOPPED';

/** How an attempt ended by an event; null where the event ends none. */
export function attemptOutcome(event: RunEvent, next: RunLife): AttemptTable['outcome'] | null {
  switch (event.kind) {
    case 'succeeded':
      return 'succeeded';
    case 'failed':
    case 'crashed':
      return endedOnRequest(next) ? 'cancelled' : 'failed';
    case 'continued':
      return event.left === 'checkpoint' ? 'interrupted' : 'lost';
    case 'interrupted':
      if (endedOnRequest(next)) return 'cancelled';
      return event.left === 'checkpoint' ? 'interrupted' : 'lost';
    default:
      return null;
  }
}
