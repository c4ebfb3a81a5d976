import type { Combined, NumberCondition, TextCondition, TimeCondition } from '../database/conditions';

export const reducers = ['LAST', 'BEST', 'MIN', 'MAX', 'MEAN'] as const;
/** How the history of a metric becomes one number. */
export type Reducer = (typeof reducers)[number];

/** Tests on a hyper-parameter that the run's method reads; lists and flags are compared as JSON text. */
export interface ParameterCondition {
  name: string;
  present?: boolean;
  number?: NumberCondition;
  text?: TextCondition;
}

export interface MetricCondition {
  name: string;
  reducer: Reducer;
  present?: boolean;
  value?: NumberCondition;
}

/** Which runs; all that is given must hold. */
export interface RunFilter extends Combined<RunFilter> {
  id?: TextCondition;
  experimentId?: TextCondition;
  variant?: TextCondition;
  groupId?: TextCondition;
  method?: TextCondition;
  state?: TextCondition;
  failureKind?: TextCondition;
  engine?: TextCondition;
  device?: TextCondition;
  instanceType?: TextCondition;
  seed?: NumberCondition;
  epoch?: NumberCondition;
  attempt?: NumberCondition;
  elapsedSeconds?: NumberCondition;
  trainedParameters?: NumberCondition;
  modelBytes?: NumberCondition;
  billedSeconds?: NumberCondition;
  cost?: NumberCondition;
  energyWattHours?: NumberCondition;
  createdAt?: TimeCondition;
  startedAt?: TimeCondition;
  finishedAt?: TimeCondition;
  updatedAt?: TimeCondition;
  tag?: TextCondition;
  parameter?: ParameterCondition;
  metric?: MetricCondition;
}

/** Fields runs can be ordered by, with their columns. */
export const runOrderFields = {
  POSITION: { column: 'position', key: 'integer', nullable: false },
  EXPERIMENT: { column: 'experiment_id', key: 'text', nullable: false },
  VARIANT: { column: 'variant', key: 'text', nullable: false },
  METHOD: { column: 'method', key: 'text', nullable: false },
  SEED: { column: 'seed', key: 'bigint', nullable: false },
  STATE: { column: 'state', key: 'text', nullable: false },
  EPOCH: { column: 'epoch', key: 'integer', nullable: false },
  ELAPSED_SECONDS: { column: 'elapsed_seconds', key: 'number', nullable: false },
  TRAINED_PARAMETERS: { column: 'trained_parameters', key: 'bigint', nullable: true },
  MODEL_BYTES: { column: 'model_bytes', key: 'bigint', nullable: true },
  BILLED_SECONDS: { column: 'billed_seconds', key: 'number', nullable: true },
  COST: { column: 'cost', key: 'number', nullable: true },
  ENERGY: { column: 'energy_watt_hours', key: 'number', nullable: true },
  CREATED_AT: { column: 'created_at', key: 'text', nullable: false },
  STARTED_AT: { column: 'started_at', key: 'text', nullable: true },
  FINISHED_AT: { column: 'finished_at', key: 'text', nullable: true },
  UPDATED_AT: { column: 'updated_at', key: 'text', nullable: false },
} as const;
export type RunOrderField = keyof typeof runOrderFields;

/** By exactly one of field, parameter and metric. */
export interface RunOrder {
  field?: RunOrderField | null;
  parameter?: string | null;
  metric?: { name: string; reducer: Reducer } | null;
  direction: 'ASC' | 'DESC';
  nulls: 'FIRST' | 'LAST';
}
