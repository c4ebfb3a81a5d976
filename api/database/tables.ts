import type { RunState } from '../../contract/run-states';

export type { RunState };

/**
 * The records, as Kysely sees them: one schema for SQLite, PostgreSQL and Aurora DSQL, so no foreign keys, sequences
 * or JSON columns, and nothing queried lives inside a JSON text. Times are ISO 8601 in UTC with milliseconds, which
 * sort as text; flags are 0 or 1. Everything but experiments, tags, notes and keys can be rebuilt from the objects.
 */
export interface Tables {
  experiment: ExperimentTable;
  experiment_tag: { experiment_id: string; tag: string };
  note: { id: string; experiment_id: string; run_id: string | null; text: string; author: string; created_at: string };
  run: RunTable;
  run_change: RunChangeTable;
  run_change_clock: { experiment_id: string; at: string };
  run_parameter: { run_id: string; name: string; number: number | null; text: string };
  attempt: AttemptTable;
  summary_metric: SummaryMetricTable;
  epoch_metric: EpochMetricTable;
  ingest: { run_id: string; last_key: string };
  /** One row: by which id the objects name the records that are of them. */
  records_owner: { name: 'records'; id: string; created_at: string };
  connection: ConnectionTable;
  connection_operation: ConnectionOperationTable;
  batch_job: BatchJobTable;
  rung_result: RungResultTable;
  server: ServerTable;
  attempt_server: { run_id: string; number: number; server_id: string };
  migration: { name: string; applied_at: string };
  idempotency: { key: string; mutation: string; body_hash: string; response: string; created_at: string };
}

export interface ExperimentTable {
  id: string;
  name: string;
  question: string;
  /** Draft until launched; then its runs have lives of their own. `stopped`: launching ceased for `stop_reason`. */
  state: 'draft' | 'launched' | 'stopped' | 'cancelled';
  stop_reason: string | null;
  /** The definition as given, JSON. */
  definition: string;
  cloned_from: string | null;
  created_at: string;
  updated_at: string;
  launched_at: string | null;
  archived_at: string | null;
  infrastructure_failures: number;
  /** USD beyond which it launches nothing more. */
  max_cost: number | null;
  /** What `stop_reason` is about. */
  stop_kind: 'failures' | 'cost' | null;
}

export interface RunTable {
  id: string;
  experiment_id: string;
  /** Place in the experiment: variants in the order given, seeds within. */
  position: number;
  variant: string;
  /** Names the variant group: a hash of everything but the seed. */
  group_id: string;
  method: string;
  seed: number;
  state: RunState;
  /** The run whose model this run takes as its teacher. */
  depends_on: string | null;
  /** The run whose model this run takes as its student. */
  student_depends_on: string | null;
  /** The resolved run spec, JSON. */
  spec: string;
  /** The newest attempt; 0 before the first. */
  attempt: number;
  /** Infrastructure failures in a row of this run. */
  crashes: number;
  waiting_reason: string | null;
  failure_kind: string | null;
  failure_message: string | null;
  /** JSON list of { path, message }. */
  failure_problems: string | null;
  /** 0; 1: somebody asked for its cancellation; 2: successive halving asked for its stop. */
  cancel_requested: number;
  phase: string | null;
  step: number;
  total_steps: number;
  epoch: number;
  total_epochs: number;
  engine: string | null;
  device: string | null;
  elapsed_seconds: number;
  trained_parameters: number | null;
  model_bytes: number | null;
  /** JSON list of texts from the result. */
  result_notes: string | null;
  /** JSON of the data files it read, from the result; null before, and in results that do not tell. */
  data_files: string | null;
  /** JSON list of texts: stored objects that could not be taken in, and what to do about each. */
  damage: string | null;
  selected_epoch: number | null;
  heartbeat_at: string | null;
  /** The Batch job of the newest attempts, and the place among its children; null in the local pool. */
  job_name: string | null;
  job_index: number | null;
  created_at: string;
  submitted_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  /** Changes with every change of the row, in ascending order. */
  updated_at: string;
  /** Counts the changes of the row; the condition of every transition. */
  revision: number;
  /** The machine of the newest attempt, and its price now. */
  instance_type: string | null;
  price_per_hour: number | null;
  /** Sums over all attempts; the cost is null while the price of any is unknown. */
  billed_seconds: number | null;
  cost: number | null;
  energy_watt_hours: number | null;
  energy_source: EnergySource | null;
}

/** The newest change of a run that was seen, and its place among those of the experiment: the cursor of `runUpdated`. */
export interface RunChangeTable {
  run_id: string;
  experiment_id: string;
  revision: number;
  at: string;
}

/** `measured` where every part of the energy was. */
export type EnergySource = 'measured' | 'estimated';

/**
 * A job that was, or is about to be, submitted to AWS Batch. The row is written with the claim of its runs, before
 * anything is sent, so that whoever comes after a crash knows under which name to look for it.
 */
export interface BatchJobTable {
  /** Unique for all time: a claim makes a new name. */
  name: string;
  queue: string;
  /** Its runs; more than one make an array job. */
  size: number;
  timeout_seconds: number;
  /** null until Batch is known to have it. */
  job_id: string | null;
  /** When somebody last took it upon them to send it: nobody else does for a while. */
  sending_at: string;
}

export interface AttemptTable {
  run_id: string;
  number: number;
  outcome: 'running' | 'succeeded' | 'interrupted' | 'failed' | 'lost' | 'cancelled';
  host: string | null;
  pid: number | null;
  engine: string | null;
  device: string | null;
  resumed_from_step: number | null;
  started_at: string;
  ended_at: string | null;
  exit_code: number | null;
  failure_kind: string | null;
  failure_message: string | null;
  /** Where its output is: a file, or a log stream. */
  log: string | null;
  instance_type: string | null;
  capacity: 'spot' | 'on-demand' | null;
  /** USD an hour for its share of the machine. */
  price_per_hour: number | null;
  /** Where that price is from, for a person. */
  price_source: string | null;
  /** Since when its machine was waiting for it; null: since it began. */
  billed_from: string | null;
  billed_seconds: number | null;
  cost: number | null;
  energy_watt_hours: number | null;
  energy_source: EnergySource | null;
}

/** One metric of a run over its whole history: what filters and orders look at. */
export interface SummaryMetricTable {
  run_id: string;
  name: string;
  count: number;
  last: number;
  last_step: number;
  min: number;
  min_step: number;
  max: number;
  max_step: number;
  /** Finite: a sum beyond the range of float64 stays at its end. */
  sum: number;
  /** sum / count; null in rows that a server of an older version has written, until they are filled. */
  mean: number | null;
  /** The larger or the smaller of max and min, as the metric's direction has it. */
  best: number;
  best_step: number;
}

/** Epoch-scope metrics, point by point: what comparisons at an epoch or a time budget look at. */
export interface EpochMetricTable {
  run_id: string;
  epoch: number;
  step: number;
  elapsed_seconds: number;
  name: string;
  value: number;
}

/** A WebSocket of API Gateway whose client was let in. */
export interface ConnectionTable {
  /** As API Gateway names it. */
  id: string;
  viewer_name: string;
  viewer_role: 'viewer' | 'editor' | 'admin';
  /** 0 until `connection_init` came, where a header let the client in before. */
  acknowledged: number;
  /** When API Gateway ends it, or the token of its client does. */
  expires_at: string;
}

/** A subscription on a connection, as far as it was answered. */
export interface ConnectionOperationTable {
  /** Its connection and its name there: `<connection>#<client's id>`. */
  id: string;
  connection_id: string;
  client_id: string;
  /** What has to change for it to have news: `experiment/<id>` or `run/<id>`. */
  topic: string;
  query: string;
  operation_name: string | null;
  /** JSON. */
  variables: string;
  /** Cursor of the last event that was sent; null before the first, when the operation's own `after` counts. */
  position: string | null;
  /** When its `complete` was sent, where that overtook its `subscribe`: there is only this to know of it. */
  ended_at: string | null;
}

/** A run at a rung of successive halving. */
export interface RungResultTable {
  experiment_id: string;
  /** Of the definition: its points compete with each other. */
  variant: string;
  epoch: number;
  /** Counts arrivals at the rung, from 1. */
  place: number;
  run_id: string;
  value: number;
  goes_on: number;
  decided_at: string;
}

/** A server that shares the records with others; it is there while it gives signs of life. */
export interface ServerTable {
  id: string;
  host: string;
  /** Where it has its objects. */
  objects: string;
  /** Without a sign of life for so long it counts as dead. */
  lease_milliseconds: number;
  /** Counts its signs of life. */
  beat: number;
  started_at: string;
}
