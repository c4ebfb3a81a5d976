import type { ExperimentTable, Tables } from '../../database/tables';
import type { ExperimentOutcome } from '../../experiments/experiment.service';
import { isFailure } from '../../shared/errors';
import type { ExperimentType, Note } from './experiment.type';

const date = (text: string | null): Date | null => (text === null ? null : new Date(text));

/** An experiment as clients see it. */
export function experimentView(row: ExperimentTable): ExperimentType {
  return {
    id: row.id,
    name: row.name,
    question: row.question,
    state: row.state,
    stopReason: row.stop_reason,
    maxCost: row.max_cost,
    get definition() {
      return JSON.parse(row.definition);
    },
    clonedFrom: row.cloned_from,
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
    launchedAt: date(row.launched_at),
    archivedAt: date(row.archived_at),
  };
}

/** The outcome of a mutation with the experiment as clients see it. */
export const experimentPayload = (outcome: ExperimentOutcome) =>
  isFailure(outcome) ? outcome : { ...outcome, experiment: experimentView(outcome.experiment) };

export function noteView(row: Tables['note']): Note {
  return {
    id: row.id,
    experimentId: row.experiment_id,
    runId: row.run_id,
    text: row.text,
    author: row.author,
    createdAt: new Date(row.created_at),
  };
}
