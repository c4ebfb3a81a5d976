import type { Kysely } from 'kysely';
import type { ExperimentTable, RunState, RunTable, Tables } from '../database/tables';
import { inTransaction } from '../database/transaction';
import { nextChangeTime } from '../runs/run.store';
import { dependencyFailures } from '../runs/run-life';

/** Ids of the experiments that have runs to launch. */
export async function findLaunchingExperiments(database: Kysely<Tables>): Promise<string[]> {
  const rows = await database
    .selectFrom('run')
    .innerJoin('experiment', 'experiment.id', 'run.experiment_id')
    .select('experiment.id')
    .distinct()
    .where('run.state', '=', 'PENDING')
    .where('experiment.state', '=', 'launched')
    .execute();
  return rows.map(({ id }) => id);
}

export interface ReadyRun {
  id: string;
  experiment_id: string;
  group_id: string;
  spec: string;
}

/** Runs and experiments that are left out. */
export interface Excluded {
  runs?: readonly string[];
  experiments?: readonly string[];
}

/** Runs that nothing but a free slot keeps from starting. */
function readyRuns(database: Kysely<Tables>, { runs = [], experiments = [] }: Excluded) {
  let query = database
    .selectFrom('run')
    .innerJoin('experiment', 'experiment.id', 'run.experiment_id')
    .leftJoin('run as teacher', 'teacher.id', 'run.depends_on')
    .leftJoin('run as student', 'student.id', 'run.student_depends_on')
    .where('run.state', '=', 'PENDING')
    .where('run.cancel_requested', '=', 0)
    .where('experiment.state', '=', 'launched')
    .where((where) => where.or([where('run.depends_on', 'is', null), where('teacher.state', '=', 'SUCCEEDED')]))
    .where((where) =>
      where.or([where('run.student_depends_on', 'is', null), where('student.state', '=', 'SUCCEEDED')]),
    );
  if (runs.length > 0) query = query.where('run.id', 'not in', runs);
  if (experiments.length > 0) query = query.where('run.experiment_id', 'not in', experiments);
  return query;
}

/** Ready runs in the order in which their experiments were launched. */
export function findReadyRuns(database: Kysely<Tables>, limit: number, excluded: Excluded): Promise<ReadyRun[]> {
  return readyRuns(database, excluded)
    .select(['run.id', 'run.experiment_id', 'run.group_id', 'run.spec'])
    .orderBy('experiment.launched_at')
    .orderBy('run.experiment_id')
    .orderBy('run.position')
    .limit(limit)
    .execute();
}

/**
 * Ready runs of all experiments in turn: the experiment with the fewest runs under way comes first, so that a large one
 * does not keep the others waiting.
 */
export function findReadyRunsInTurn(database: Kysely<Tables>, limit: number, excluded: Excluded): Promise<ReadyRun[]> {
  const ready = readyRuns(database, excluded).select((build) => [
    'run.id',
    build.fn
      .agg<number>('row_number')
      .over((over) => over.partitionBy('run.experiment_id').orderBy('run.position'))
      .as('place'),
  ]);
  const underWay = database
    .selectFrom('run')
    .select((build) => ['experiment_id', build.fn.countAll<number>().as('count')])
    .where('state', 'in', ['SUBMITTED', 'STARTING', 'RUNNING'])
    .groupBy('experiment_id');
  return database
    .selectFrom(ready.as('ready'))
    .innerJoin('run', 'run.id', 'ready.id')
    .innerJoin('experiment', 'experiment.id', 'run.experiment_id')
    .leftJoin(underWay.as('under_way'), 'under_way.experiment_id', 'run.experiment_id')
    .select(['run.id', 'run.experiment_id', 'run.group_id', 'run.spec'])
    .orderBy((build) => build('ready.place', '+', build.fn.coalesce('under_way.count', build.lit(0))))
    .orderBy('experiment.launched_at')
    .orderBy('run.experiment_id')
    .limit(limit)
    .execute();
}

/** A run that another one takes a model from, as it is now. */
export interface Dependency {
  role: 'teacher' | 'student';
  id: string;
  state: RunState;
  failure: string | null;
}

/** States in which a run leaves no model, so that those that wait for it fail. */
const withoutModel = ['FAILED', 'CANCELLED', 'STOPPED'] as const satisfies RunState[];

/** Waiting runs of which a dependency leaves no model; the first such dependency of each. */
export async function findRunsWithoutModel(
  database: Kysely<Tables>,
): Promise<{ id: string; dependency: Dependency }[]> {
  const rows = await database
    .selectFrom('run')
    .innerJoin('experiment', 'experiment.id', 'run.experiment_id')
    .leftJoin('run as teacher', 'teacher.id', 'run.depends_on')
    .leftJoin('run as student', 'student.id', 'run.student_depends_on')
    .select([
      'run.id',
      'teacher.id as teacherId',
      'teacher.state as teacherState',
      'teacher.failure_message as teacherFailure',
      'student.id as studentId',
      'student.state as studentState',
      'student.failure_message as studentFailure',
    ])
    .where('run.state', '=', 'PENDING')
    .where('experiment.state', 'in', ['launched', 'stopped'])
    .where((where) =>
      where.or([where('teacher.state', 'in', withoutModel), where('student.state', 'in', withoutModel)]),
    )
    .execute();
  return rows.map(({ id, teacherId, teacherState, teacherFailure, studentId, studentState, studentFailure }) => {
    const hasTeacher = !(withoutModel as readonly (RunState | null)[]).includes(teacherState);
    return {
      id,
      dependency: hasTeacher
        ? { role: 'student', id: studentId!, state: studentState!, failure: studentFailure }
        : { role: 'teacher', id: teacherId!, state: teacherState!, failure: teacherFailure },
    };
  });
}

/** Runs that failed for want of a model whose run is being tried again, or has succeeded since. */
export async function findRevivedRuns(database: Kysely<Tables>): Promise<string[]> {
  const rows = await database
    .selectFrom('run')
    .leftJoin('run as teacher', 'teacher.id', 'run.depends_on')
    .leftJoin('run as student', 'student.id', 'run.student_depends_on')
    .select('run.id')
    .where('run.state', '=', 'FAILED')
    .where('run.failure_kind', 'in', dependencyFailures)
    .where((where) => where.or([where('run.depends_on', 'is', null), where('teacher.state', 'not in', withoutModel)]))
    .where((where) =>
      where.or([where('run.student_depends_on', 'is', null), where('student.state', 'not in', withoutModel)]),
    )
    .execute();
  return rows.map(({ id }) => id);
}

/** A run that is under way by the records, with the Batch job it is in, if any. */
export type ActiveRun = Pick<
  RunTable,
  | 'id'
  | 'experiment_id'
  | 'state'
  | 'attempt'
  | 'cancel_requested'
  | 'heartbeat_at'
  | 'waiting_reason'
  | 'job_name'
  | 'job_index'
> & {
  experimentState: ExperimentTable['state'];
  jobId: string | null;
  jobSize: number | null;
  jobSentAt: string | null;
};

/** @param of only the run of this id, or those of a Batch job */
export function findActiveRuns(
  database: Kysely<Tables>,
  of: { id?: string; jobName?: string; jobIndex?: number } = {},
): Promise<ActiveRun[]> {
  const { id, jobName, jobIndex } = of;
  let query = database
    .selectFrom('run')
    .innerJoin('experiment', 'experiment.id', 'run.experiment_id')
    .leftJoin('batch_job', 'batch_job.name', 'run.job_name')
    .select([
      'run.id',
      'run.experiment_id',
      'run.state',
      'run.attempt',
      'run.cancel_requested',
      'run.heartbeat_at',
      'run.waiting_reason',
      'run.job_name',
      'run.job_index',
      'experiment.state as experimentState',
      'batch_job.job_id as jobId',
      'batch_job.size as jobSize',
      'batch_job.sending_at as jobSentAt',
    ])
    .where('run.state', 'in', ['SUBMITTED', 'STARTING', 'RUNNING']);
  if (id !== undefined) query = query.where('run.id', '=', id);
  if (jobName !== undefined) query = query.where('run.job_name', '=', jobName);
  if (jobIndex !== undefined) query = query.where('run.job_index', '=', jobIndex);
  return query.orderBy('run.job_name').orderBy('run.job_index').orderBy('run.id').execute();
}

export interface WaitingRun {
  id: string;
  experiment_id: string;
  depends_on: string | null;
  student_depends_on: string | null;
  waiting_reason: string | null;
  experimentState: string;
  teacherState: string | null;
  studentState: string | null;
}

/** The runs that will be launched next, as far as anybody looks ahead. */
export function findWaitingRuns(database: Kysely<Tables>): Promise<WaitingRun[]> {
  return database
    .selectFrom('run')
    .innerJoin('experiment', 'experiment.id', 'run.experiment_id')
    .leftJoin('run as teacher', 'teacher.id', 'run.depends_on')
    .leftJoin('run as student', 'student.id', 'run.student_depends_on')
    .select([
      'run.id',
      'run.experiment_id',
      'run.depends_on',
      'run.student_depends_on',
      'run.waiting_reason',
      'experiment.state as experimentState',
      'teacher.state as teacherState',
      'student.state as studentState',
    ])
    .where('run.state', '=', 'PENDING')
    .where('experiment.state', 'in', ['launched', 'stopped'])
    .orderBy('experiment.launched_at')
    .orderBy('run.position')
    .limit(waitingLimit)
    .execute();
}

const waitingLimit = 2000;
const idsPerStatement = 500;

/** Says of runs why they wait. A run that began meanwhile keeps what it says. */
export async function storeWaitingReason(
  database: Kysely<Tables>,
  runIds: readonly string[],
  reason: string,
  state: RunState,
): Promise<void> {
  for (let start = 0; start < runIds.length; start += idsPerStatement)
    await inTransaction(database, async (transaction) => {
      await transaction
        .updateTable('run')
        .set({ waiting_reason: reason, updated_at: await nextChangeTime(transaction) })
        .set((column) => ({ revision: column('revision', '+', 1) }))
        .where('id', 'in', runIds.slice(start, start + idsPerStatement))
        .where('state', '=', state)
        .execute();
    });
}
