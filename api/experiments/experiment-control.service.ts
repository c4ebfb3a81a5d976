import type { Services } from '../context/context';
import * as store from '../cost/max-cost.store';
import { once } from '../database/idempotency';
import type { ExperimentTable } from '../database/tables';
import { inTransaction } from '../database/transaction';
import { checkMaxCost, checkTags } from '../definition/check-definition';
import * as control from '../runs/run-control.service';
import { conflict, type Failure, invalidInput, isFailure, notFound } from '../shared/errors';
import { answered, type ExperimentOutcome } from './experiment.service';
import {
  addTags,
  findExperiment,
  findRunIds,
  findTags,
  launchDraft,
  removeTags,
  setArchived,
} from './experiment.store';

const unfinished = ['PENDING', 'SUBMITTED', 'STARTING', 'RUNNING'] as const;

/** Gives a draft's runs to the dispatcher. */
export async function launchExperiment(
  services: Services,
  id: string,
  clientRequestId: string | null | undefined,
): Promise<ExperimentOutcome> {
  const request = { clientRequestId, mutation: 'launchExperiment', body: { id } };
  const done = await once(services.database, request, async (transaction) => {
    const experiment = await findExperiment(transaction, id);
    if (experiment === undefined) return notFound('id', 'experiment', id);
    if (experiment.archived_at !== null) return conflict('id', `experiment ${id} is archived: take it out first`);
    if (await launchDraft(transaction, id, new Date().toISOString())) return { id };
    return conflict(
      'id',
      experiment.state === 'launched'
        ? `experiment ${id} is launched already`
        : `experiment ${id} is ${experiment.state}: retry its failed runs, or clone it`,
    );
  });
  return answered(services, done, true);
}

/** Cancels all runs that are not over. */
export async function cancelExperiment(services: Services, id: string): Promise<ExperimentOutcome> {
  const experiment = await findExperiment(services.database, id);
  if (experiment === undefined) return notFound('id', 'experiment', id);
  const open = await findRunIds(services.database, id, unfinished);
  if (open.length === 0 && experiment.state !== 'cancelled')
    return conflict('id', `all runs of experiment ${id} are over: there is nothing to cancel`);
  await control.cancelExperiment(services, id);
  return answered(services, { answer: { id }, repeated: experiment.state === 'cancelled' }, false);
}

export interface RetryOutcome {
  experiment: ExperimentTable;
  runIds: string[];
  repeated: boolean;
}

/** Has every failed run of an experiment tried again. */
export async function retryFailedRuns(
  services: Services,
  id: string,
  clientRequestId: string | null | undefined,
): Promise<RetryOutcome | Failure> {
  const request = { clientRequestId, mutation: 'retryFailedRuns', body: { id } };
  const done = await once(services.database, request, async (transaction) => {
    if ((await findExperiment(transaction, id)) === undefined) return notFound('id', 'experiment', id);
    const failed = await findRunIds(transaction, id, ['FAILED']);
    if (failed.length === 0) return conflict('id', `experiment ${id} has no failed runs`);
    const retried = await control.retryFailedRunsIn(transaction, id);
    return { id, runIds: retried.map((run) => run.id) };
  });
  const outcome = await answered(services, done, false);
  if ('kind' in done || isFailure(outcome)) return outcome as Failure;
  const { runIds } = done.answer;
  if (!done.repeated)
    control.announceRetried(
      services,
      runIds.map((runId) => ({ id: runId, experimentId: id })),
    );
  return { ...outcome, runIds };
}

/** Sets the most an experiment may cost; one that had stopped for its cost launches again. */
export async function setMaxCost(services: Services, id: string, maxCost: number | null): Promise<ExperimentOutcome> {
  const problems = checkMaxCost(maxCost);
  if (problems.length > 0) return invalidInput(problems);
  const done = await inTransaction(services.database, async (transaction) => {
    const experiment = await findExperiment(transaction, id);
    if (experiment === undefined) return notFound('id', 'experiment', id);
    const unchanged = experiment.max_cost === maxCost;
    if (!unchanged) await store.setMaxCost(transaction, id, maxCost);
    return { answer: { id }, repeated: unchanged };
  });
  return answered(services, done, true);
}

/** Adds and removes tags. */
export async function tagExperiment(
  services: Services,
  id: string,
  { add, remove }: { add: string[]; remove: string[] },
): Promise<ExperimentOutcome> {
  const problems = checkTags(add, 'add');
  if (problems.length > 0) return invalidInput(problems);
  const done = await inTransaction(services.database, async (transaction) => {
    if ((await findExperiment(transaction, id)) === undefined) return notFound('id', 'experiment', id);
    const kept = (await findTags(transaction, id)).filter((tag) => !remove.includes(tag));
    const tooMany = checkTags([...new Set([...kept, ...add])], 'add').filter(({ path }) => path === 'add');
    if (tooMany.length > 0) return invalidInput(tooMany);
    await removeTags(transaction, id, remove);
    await addTags(transaction, id, add);
    return { answer: { id }, repeated: false };
  });
  return answered(services, done, false);
}

/** Puts an experiment out of sight, or back. Nothing of it is deleted. */
export async function archiveExperiment(services: Services, id: string, archived: boolean): Promise<ExperimentOutcome> {
  const done = await inTransaction(services.database, async (transaction) => {
    const experiment = await findExperiment(transaction, id);
    if (experiment === undefined) return notFound('id', 'experiment', id);
    const open = experiment.state === 'draft' ? [] : await findRunIds(transaction, id, unfinished);
    if (archived && open.length > 0)
      return conflict('id', `${open.length} runs of experiment ${id} are not over: cancel it first`);
    const now = new Date().toISOString();
    const unchanged = (experiment.archived_at !== null) === archived;
    if (!unchanged) await setArchived(transaction, id, archived ? now : null, now);
    return { answer: { id }, repeated: unchanged };
  });
  return answered(services, done, false);
}
