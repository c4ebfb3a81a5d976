import type { Services } from '../context/context';
import { once } from '../database/idempotency';
import type { RunTable } from '../database/tables';
import { type Failure, notFound } from '../shared/errors';
import { findRun } from './run.service';
import * as control from './run-control.service';

/** What became of a mutation of a run. `repeated`: it had been done before. */
export type ChangeRunOutcome = { run: RunTable; repeated: boolean } | Failure;

/** Cancels a run, as clients ask for it. */
export async function cancelRun(services: Services, runId: string): Promise<ChangeRunOutcome> {
  const outcome = await control.cancelRun(services, runId);
  if (outcome.kind !== 'done') return failureOf(outcome, runId);
  return { run: await existing(services, runId), repeated: !outcome.changed };
}

/** Has a run tried again, once a key. */
export async function retryRun(
  services: Services,
  runId: string,
  clientRequestId: string | null | undefined,
): Promise<ChangeRunOutcome> {
  const request = { clientRequestId, mutation: 'retryRun', body: { runId } };
  const done = await once(services.database, request, async (transaction) => {
    const outcome = await control.retryRunIn(transaction, runId);
    return outcome.kind === 'done' ? { retried: outcome.changed ? [outcome.retried] : [] } : failureOf(outcome, runId);
  });
  if ('kind' in done) return done;
  const { retried } = done.answer;
  if (!done.repeated) control.announceRetried(services, retried);
  return { run: await existing(services, runId), repeated: done.repeated || retried.length === 0 };
}

function failureOf(outcome: Exclude<control.RunControlOutcome, { kind: 'done' }>, runId: string): Failure {
  return outcome.kind === 'not-found'
    ? notFound('runId', 'run', runId)
    : { kind: 'CONFLICT', problems: outcome.problems };
}

async function existing(services: Services, runId: string): Promise<RunTable> {
  const run = await findRun(services, runId);
  if (run === null) throw new Error(`run ${runId} was changed and is not there`);
  return run;
}
