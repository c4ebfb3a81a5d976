import { isOver } from '../../../contract/run-states';
import type { AttemptTable, RunTable, SummaryMetricTable } from '../../database/tables';
import type { Attempt, RunType, SummaryMetric } from './run.type';

const date = (text: string | null): Date | null => (text === null ? null : new Date(text));

/** A run as clients see it. Every resolver and subscription that gives out a run goes through here. */
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
    dependsOn: row.depends_on,
    // Parsed where it is asked for: a page of runs seldom is.
    get spec() {
      return JSON.parse(row.spec);
    },
    attempt: row.attempt,
    waitingReason: row.waiting_reason,
    cancelRequested: row.cancel_requested === 1,
    failure:
      row.failure_kind === null
        ? null
        : {
            kind: row.failure_kind,
            message: row.failure_message ?? '',
            problems: row.failure_problems === null ? [] : JSON.parse(row.failure_problems),
          },
    progress: {
      phase: row.phase,
      step: row.step,
      totalSteps: row.total_steps,
      epoch: row.epoch,
      totalEpochs: row.total_epochs,
      elapsedSeconds: row.elapsed_seconds,
    },
    engine: row.engine,
    device: row.device,
    trainedParameters: row.trained_parameters,
    modelBytes: row.model_bytes,
    selectedEpoch: row.selected_epoch,
    ...costView(row),
    resultNotes: row.result_notes === null ? [] : JSON.parse(row.result_notes),
    damage: row.damage === null ? [] : JSON.parse(row.damage),
    createdAt: new Date(row.created_at),
    submittedAt: date(row.submitted_at),
    startedAt: date(row.started_at),
    finishedAt: date(row.finished_at),
    heartbeatAt: date(row.heartbeat_at),
    updatedAt: new Date(row.updated_at),
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
