import { join } from 'node:path';
import type { Insertable } from 'kysely';
import type { Services } from '../../api/context/context';
import type { AttemptTable, ExperimentTable, RunTable } from '../../api/database/tables';
import { createRunChanges } from '../../api/subscriptions/run-changes';
import { directoryObjectStore } from '../../contract/objects/directory';
import { parseRunSpec, type RunSpecInput } from '../../contract/run-spec';
import { useTestRecords } from './records';
import { useTestFolder } from './test-folder';

export interface TestServices extends Services {
  folder: string;
  wakeUps: number;
}

/** Records and objects of its own for each test, removed after it. Call it at the top of a test file or a describe. */
export function useTestServices(): () => TestServices {
  const records = useTestRecords();
  const folder = useTestFolder();
  let services: TestServices;
  beforeEach(async () => {
    services = {
      folder: folder.path(),
      database: await records.open(),
      objects: directoryObjectStore(join(folder.path(), 'objects')),
      changes: createRunChanges(),
      wakeUps: 0,
      wake: () => {
        services.wakeUps += 1;
      },
    };
  });
  return () => services;
}

const createdAt = '2026-01-01T00:00:00.000Z';

export async function insertExperiment(services: Services, given: Partial<Insertable<ExperimentTable>> = {}) {
  const experiment: Insertable<ExperimentTable> = {
    id: 'experiment',
    name: 'An experiment',
    question: '',
    state: 'launched',
    stop_reason: null,
    definition: '{}',
    cloned_from: null,
    created_at: createdAt,
    updated_at: createdAt,
    launched_at: createdAt,
    archived_at: null,
    infrastructure_failures: 0,
    ...given,
  };
  await services.database.insertInto('experiment').values(experiment).execute();
  return experiment;
}

/** A pending run of `scratch` on files that nobody reads, unless `spec` says otherwise. */
export async function insertRun(
  services: Services,
  id: string,
  given: Partial<Insertable<RunTable>> = {},
  spec: Partial<RunSpecInput> = {},
) {
  const data = { train: '/nowhere/train.csv', test: '/nowhere/test.csv' };
  const parsed = parseRunSpec({ runId: id, experimentId: 'experiment', method: 'scratch', data, ...spec });
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.problems));
  const position = await services.database.selectFrom('run').select('id').execute();
  const run: Insertable<RunTable> = {
    id,
    experiment_id: 'experiment',
    position: position.length,
    variant: 'default',
    group_id: 'group',
    method: 'scratch',
    seed: 0,
    state: 'PENDING',
    depends_on: null,
    student_depends_on: null,
    spec: JSON.stringify(parsed.value),
    attempt: 0,
    crashes: 0,
    waiting_reason: null,
    failure_kind: null,
    failure_message: null,
    failure_problems: null,
    cancel_requested: 0,
    phase: null,
    step: 0,
    total_steps: 0,
    epoch: 0,
    total_epochs: 0,
    engine: null,
    device: null,
    elapsed_seconds: 0,
    trained_parameters: null,
    model_bytes: null,
    result_notes: null,
    data_files: null,
    selected_epoch: null,
    heartbeat_at: null,
    job_name: null,
    job_index: null,
    created_at: createdAt,
    submitted_at: null,
    started_at: null,
    finished_at: null,
    updated_at: createdAt,
    revision: 0,
    ...given,
  };
  await services.database.insertInto('run').values(run).execute();
  return run;
}

/** The first attempt of a run, which succeeded. */
export async function insertAttempt(
  services: Services,
  given: Partial<Insertable<AttemptTable>> & { run_id: string },
): Promise<void> {
  const nothing = { host: null, pid: null, engine: null, device: null, exit_code: null, log: null };
  const notFailed = { resumed_from_step: null, ended_at: null, failure_kind: null, failure_message: null };
  await services.database
    .insertInto('attempt')
    .values({ ...nothing, ...notFailed, number: 1, outcome: 'succeeded', started_at: createdAt, ...given })
    .execute();
}

export async function readRun(services: Services, id: string): Promise<RunTable> {
  return services.database.selectFrom('run').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}
