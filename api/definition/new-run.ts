import { epochsOf, type RunSpec } from '../../contract/run-spec';
import type { RunTable } from '../database/tables';
import { variantGroupId } from './variant-group';

/** A run that nobody has touched yet. Also what `reindex` begins with, where a run is known by its spec alone. */
export function newRun(
  spec: RunSpec,
  at: { experimentId: string; position: number; createdAt: string; changedAt: string },
): RunTable {
  return {
    id: spec.runId,
    experiment_id: at.experimentId,
    position: at.position,
    variant: spec.variant,
    group_id: variantGroupId(spec),
    method: spec.method,
    seed: spec.seed,
    state: 'PENDING',
    depends_on: runOf(spec.teacher),
    student_depends_on: runOf(spec.student),
    spec: JSON.stringify(spec),
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
    total_epochs: epochsOf(spec),
    engine: null,
    device: null,
    elapsed_seconds: 0,
    trained_parameters: null,
    model_bytes: null,
    result_notes: null,
    data_files: null,
    damage: null,
    selected_epoch: null,
    heartbeat_at: null,
    job_name: null,
    job_index: null,
    created_at: at.createdAt,
    submitted_at: null,
    started_at: null,
    finished_at: null,
    updated_at: at.changedAt,
    revision: 0,
    instance_type: null,
    price_per_hour: null,
    billed_seconds: null,
    cost: null,
    energy_watt_hours: null,
    energy_source: null,
  };
}

const runOf = (source: RunSpec['teacher'] | RunSpec['student']): string | null =>
  source?.kind === 'run' ? source.runId : null;
