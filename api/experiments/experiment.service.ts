import { randomBytes } from 'node:crypto';
import { type Problem, type RunSpec, specOfRecord } from '../../contract/run-spec';
import type { Services } from '../context/context';
import { filterProblems } from '../database/conditions';
import type { Database, DatabaseTransaction } from '../database/database';
import { once } from '../database/idempotency';
import { decodeCursor, orderName, type Page, type PageRequest, pageOf, pageProblems } from '../database/keyset';
import type { ExperimentTable, RunTable } from '../database/tables';
import { completeDefinition, type ExperimentDefinition, type GivenDefinition } from '../definition/definition';
import { inputPlaceProblems } from '../definition/input-places';
import { learntRowsProblems } from '../definition/learnt-rows';
import { newRun } from '../definition/new-run';
import { planRuns } from '../definition/plan-runs';
import { modelRoles } from '../definition/variant-models';
import { nextChangeTime } from '../runs/run.store';
import { findRuns } from '../runs/run-search.store';
import { badArguments, type Failure, invalidInput, notFound } from '../shared/errors';
import { findExperiment, insertExperiment, insertParameters, insertRuns } from './experiment.store';
import { type ExperimentFilter, type ExperimentOrder, experimentOrderFields } from './experiment-filter';
import { countExperiments, findExperimentPlaces, findExperiments } from './experiment-search.store';

/** What became of a mutation of an experiment. `repeated`: it had been done under the same key before. */
export type ExperimentOutcome = { experiment: ExperimentTable; repeated: boolean } | Failure;

export interface CreateOptions {
  clientRequestId: string | null | undefined;
  /** Launch in the same transaction. */
  launch: boolean;
}

const mostOrderTerms = 4;
const defaultOrder: ExperimentOrder[] = [{ field: 'CREATED_AT', direction: 'DESC', nulls: 'LAST' }];

/** A page of the experiments that pass a filter. @throws GraphQLError with all problems of the arguments */
export async function searchExperiments(
  { database }: Services,
  search: { filter: ExperimentFilter; includeArchived: boolean },
  orderBy: readonly ExperimentOrder[] | null,
  page: PageRequest,
): Promise<Page<ExperimentTable> & { totalCount: () => Promise<number> }> {
  const order = orderBy === null || orderBy.length === 0 ? defaultOrder : orderBy;
  const name = orderName(['experiments', order]);
  const keys = order.map(({ field }) => experimentOrderFields[field]);
  const after = page.after == null ? null : decodeCursor(page.after, name, keys);
  const problems = [
    ...filterProblems(search.filter),
    ...pageProblems(page),
    ...(order.length > mostOrderTerms
      ? [{ path: 'orderBy', message: `${order.length} terms, at most ${mostOrderTerms} are allowed` }]
      : []),
    ...(after?.kind === 'invalid' ? after.problems : []),
  ];
  if (problems.length > 0) throw badArguments(problems);
  const place = after?.kind === 'valid' ? after.value : null;
  const rows = await findExperimentPlaces(database, search, { order, limit: page.first + 1, after: place });
  const found = await findExperiments(
    database,
    rows.map(({ id }) => id),
  );
  const nodes = new Map(found.map((experiment) => [experiment.id, experiment]));
  return {
    ...pageOf(rows, nodes, { order: name, terms: order.length, first: page.first }),
    totalCount: () => countExperiments(database, search),
  };
}

/** Checks a definition, makes its runs and stores both; a draft unless it is launched at once. */
export async function createExperiment(
  services: Services,
  given: GivenDefinition,
  { clientRequestId, launch }: CreateOptions,
): Promise<ExperimentOutcome> {
  const definition = completeDefinition(given);
  const request = { clientRequestId, mutation: 'createExperiment', body: { definition, launch } };
  const done = await once(
    services.database,
    request,
    (transaction, prepared: PreparedExperiment) => insertPrepared(transaction, prepared, { launch, clonedFrom: null }),
    () => prepareExperiment(services, definition),
  );
  return answered(services, done, launch);
}

/** Makes a new experiment of a stored definition under another name, parts of it changed. */
export async function cloneExperiment(
  services: Services,
  id: string,
  changes: Partial<GivenDefinition> & { name: string },
  { clientRequestId, launch }: CreateOptions,
): Promise<ExperimentOutcome> {
  const request = { clientRequestId, mutation: 'cloneExperiment', body: { id, changes, launch } };
  const done = await once(
    services.database,
    request,
    (transaction, prepared: PreparedExperiment) => insertPrepared(transaction, prepared, { launch, clonedFrom: id }),
    async () => {
      const original = await findExperiment(services.database, id);
      if (original === undefined) return notFound('id', 'experiment', id);
      const definition = completeDefinition({ ...JSON.parse(original.definition), ...given(changes) });
      return prepareExperiment(services, definition);
    },
  );
  return answered(services, done, launch);
}

/** The changes that were given: null means to keep what is there. */
const given = (changes: object): object =>
  Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== null && value !== undefined));

interface PreparedExperiment {
  id: string;
  definition: ExperimentDefinition;
  specs: RunSpec[];
}

/** Checks a definition, plans its runs and stores their hyper-parameters. */
async function prepareExperiment(
  { database, readableBuckets }: Services,
  definition: ExperimentDefinition,
): Promise<PreparedExperiment | Failure> {
  const id = newId('x');
  const planned = planRuns(definition, id);
  const named = await findNamedRuns(database, definition);
  const problems = [
    ...(planned.kind === 'invalid' ? planned.problems : []),
    ...(readableBuckets === undefined ? [] : inputPlaceProblems(definition, readableBuckets)),
    ...namedRunProblems(definition, named),
    ...(planned.kind === 'valid' ? learntRowsProblems(planned.value, specsOf(named)) : []),
  ];
  if (planned.kind === 'invalid' || problems.length > 0) return invalidInput(problems);
  await insertParameters(database, planned.value);
  return { id, definition, specs: planned.value };
}

async function insertPrepared(
  transaction: DatabaseTransaction,
  { id, definition, specs }: PreparedExperiment,
  { launch, clonedFrom }: { launch: boolean; clonedFrom: string | null },
): Promise<{ id: string }> {
  const now = new Date().toISOString();
  const experiment: ExperimentTable = {
    id,
    name: definition.name,
    question: definition.question,
    state: launch ? 'launched' : 'draft',
    stop_reason: null,
    definition: JSON.stringify(definition),
    cloned_from: clonedFrom,
    created_at: now,
    updated_at: now,
    launched_at: launch ? now : null,
    archived_at: null,
    infrastructure_failures: 0,
    max_cost: definition.maxCost ?? null,
    stop_kind: null,
  };
  await insertExperiment(transaction, experiment, definition.tags);
  const changedAt = await nextChangeTime(transaction);
  await insertRuns(
    transaction,
    specs.map((spec, position) => newRun(spec, { experimentId: id, position, createdAt: now, changedAt })),
  );
  return { id };
}

/** Time first, so that ids sort roughly by age; 40 random bits against a collision within the same millisecond. */
export function newId(kind: string): string {
  return `${kind}${Date.now().toString(36)}${randomBytes(5).toString('hex')}`;
}

/** Where a definition names runs of earlier experiments, whose models are taken. */
function namedRuns({ teacher, variants }: ExperimentDefinition): { path: string; id: string }[] {
  return [
    { path: 'teacher.run', id: teacher?.run },
    ...variants.flatMap((variant, place) =>
      modelRoles.map((role) => ({ path: `variants.${place}.${role}.run`, id: variant[role]?.run })),
    ),
  ].flatMap(({ path, id }) => (id === undefined ? [] : [{ path, id }]));
}

async function findNamedRuns(database: Database, definition: ExperimentDefinition): Promise<RunTable[]> {
  const ids = [...new Set(namedRuns(definition).map(({ id }) => id))];
  return ids.length === 0 ? [] : findRuns(database, ids);
}

const specsOf = (runs: readonly RunTable[]): Map<string, RunSpec> =>
  new Map(runs.map(({ id, spec }) => [id, specOfRecord(spec)]));

function namedRunProblems(definition: ExperimentDefinition, found: readonly RunTable[]): Problem[] {
  return namedRuns(definition).flatMap(({ path, id }) => {
    const run = found.find((candidate) => candidate.id === id);
    if (run === undefined) return [{ path, message: `there is no run "${id}"` }];
    if (run.state === 'SUCCEEDED') return [];
    return [{ path, message: `run ${id} is ${run.state}: wait until it has succeeded, or name another` }];
  });
}

/** The outcome of a keyed mutation, with the experiment as it is now. */
export async function answered(
  services: Services,
  done: Failure | { answer: { id: string }; repeated: boolean },
  mayStartWork: boolean,
): Promise<ExperimentOutcome> {
  if ('kind' in done) return done;
  if (mayStartWork) services.wake();
  const experiment = await findExperiment(services.database, done.answer.id);
  if (experiment === undefined) throw new Error(`experiment ${done.answer.id} was changed and is not there`);
  return { experiment, repeated: done.repeated };
}
