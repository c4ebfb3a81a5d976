import type { GraphQLResolveInfo } from 'graphql';
import { specOfRecord } from '../../../contract/run-spec';
import { isOver } from '../../../contract/run-states';
import type { AttemptTable, RunTable, SummaryMetricTable } from '../../database/tables';
import { failureKindOf } from '../../runs/run-life';
import { selectedFields } from '../common/selected-fields';
import type { Attempt, RunType, SummaryMetric } from './run.type';

const date = (text: string | null): Date | null => (text === null ? null : new Date(text));

/** From which columns each field of a run is made. */
const columnsOfField: Record<keyof RunType, readonly (keyof RunTable)[]> = {
  id: ['id'],
  experimentId: ['experiment_id'],
  position: ['position'],
  variant: ['variant'],
  groupId: ['group_id'],
  method: ['method'],
  seed: ['seed'],
  state: ['state'],
  isOver: ['state'],
  dependsOn: ['depends_on', 'student_depends_on'],
  spec: ['spec'],
  attempt: ['attempt'],
  waitingReason: ['waiting_reason'],
  cancelRequested: ['cancel_requested'],
  failure: ['failure_kind', 'failure_message', 'failure_problems'],
  progress: ['phase', 'step', 'total_steps', 'epoch', 'total_epochs', 'elapsed_seconds'],
  engine: ['engine'],
  device: ['device'],
  trainedParameters: ['trained_parameters'],
  modelBytes: ['model_bytes'],
  selectedEpoch: ['selected_epoch'],
  instanceType: ['instance_type'],
  pricePerHour: ['price_per_hour'],
  billedSeconds: ['billed_seconds'],
  cost: ['cost'],
  energyWattHours: ['energy_watt_hours'],
  energySource: ['energy_source'],
  resultNotes: ['result_notes'],
  damage: ['damage'],
  createdAt: ['created_at'],
  submittedAt: ['submitted_at'],
  startedAt: ['started_at'],
  finishedAt: ['finished_at'],
  heartbeatAt: ['heartbeat_at'],
  updatedAt: ['updated_at'],
  revision: ['revision'],
};

/** Columns from which the selected fields of a page of runs are made, and those that a run's own resolvers look at. */
export function columnsOfRuns(info: GraphQLResolveInfo): (keyof RunTable)[] {
  const fields = new Set([...selectedFields(info, ['nodes']), ...selectedFields(info, ['edges', 'node'])]);
  const selected = [...fields].flatMap((field) => columnsOfField[field as keyof RunType] ?? []);
  return [...new Set([...(['id', 'experiment_id', 'state'] as const), ...selected])];
}

/**
 * A run as clients see it. Every resolver and subscription that gives out a run goes through here.
 * @param row with the columns of the fields that are asked for; what takes some making is made when it is asked for
 */
const dependenciesOfRow = ({ depends_on, student_depends_on }: RunTable): string[] => [
  ...new Set([depends_on, student_depends_on].filter((id) => id !== null)),
];

export function runView(row: RunTable): RunType {
  return {
    id: row.id,
    experimentId: row.experiment_id,
    position: row.position,
    variant: row.variant,
    groupId: row.group_id,
    method: row.method,
    seed: row.seed,
    state: row.state,
    isOver: isOver(row.state),
    dependsOn: dependenciesOfRow(row),
    get spec() {
      return specOfRecord(row.spec);
    },
    attempt: row.attempt,
    waitingReason: row.waiting_reason,
    cancelRequested: row.cancel_requested === 1,
    get failure() {
      if (row.failure_kind === null) return null;
      const problems = row.failure_problems === null ? [] : JSON.parse(row.failure_problems);
      return { kind: failureKindOf(row.failure_kind)!, message: row.failure_message ?? '', problems };
    },
    get progress() {
      const { phase, step, total_steps, epoch, total_epochs, elapsed_seconds } = row;
      const [totalSteps, totalEpochs, elapsedSeconds] = [total_steps, total_epochs, elapsed_seconds];
      return { phase, step, totalSteps, epoch, totalEpochs, elapsedSeconds };
    },
    engine: row.engine,
    device: row.device,
    trainedParameters: row.trained_parameters,
    modelBytes: row.model_bytes,
    selectedEpoch: row.selected_epoch,
    ...costView(row),
    get resultNotes() {
      return row.result_notes === null ? [] : JSON.parse(row.result_notes);
    },
    get damage() {
      return row.damage === null ? [] : JSON.parse(row.damage);
    },
    get createdAt() {
      return new Date(row.created_at);
    },
    get submittedAt() {
      return date(row.submitted_at);
    },
    get startedAt() {
      return date(row.started_at);
    },
    get finishedAt() {
      return date(row.finished_at);
    },
    get heartbeatAt() {
      return date(row.heartbeat_at);
    },
    get updatedAt() {
      return new Date(row.updated_at);
    },
    revision: row.revision,
  };
}

export function attemptView(row: AttemptTable): Attempt {
  return {
    number: row.number,
    outcome: row.outcome,
    host: row.host,
    engine: row.engine,
    device: row.device,
    resumedFromStep: row.resumed_from_step,
    startedAt: new Date(row.started_at),
    endedAt: date(row.ended_at),
    exitCode: row.exit_code,
    failureKind: row.failure_kind,
    failureMessage: row.failure_message,
    log: row.log,
    capacity: row.capacity,
    priceSource: row.price_source,
    ...costView(row),
  };
}

type CostColumn =
  | 'instance_type'
  | 'price_per_hour'
  | 'billed_seconds'
  | 'cost'
  | 'energy_watt_hours'
  | 'energy_source';

/** What a run or one of its attempts ran on, and what that took. */
function costView(row: Pick<RunTable & AttemptTable, CostColumn>) {
  return {
    instanceType: row.instance_type,
    pricePerHour: row.price_per_hour,
    billedSeconds: row.billed_seconds,
    cost: row.cost,
    energyWattHours: row.energy_watt_hours,
    energySource: row.energy_source,
  };
}

export function metricView(row: SummaryMetricTable): SummaryMetric {
  return {
    name: row.name,
    count: row.count,
    last: row.last,
    lastStep: row.last_step,
    min: row.min,
    minStep: row.min_step,
    max: row.max,
    maxStep: row.max_step,
    mean: row.sum / row.count,
    best: row.best,
    bestStep: row.best_step,
  };
}
