import { Field, InputType, registerEnumType } from 'type-graphql';
import { runStates } from '../../../contract/run-states';
import type {
  MetricCondition,
  ParameterCondition,
  Reducer as ReducerName,
  RunFilter,
  RunOrder,
  RunOrderField as RunOrderFieldName,
} from '../../runs/run-filter';
import { NumberConditionInput, TextConditionInput, TimeConditionInput } from '../common/conditions.input';
import { NullsPlace, OrderDirection } from '../common/page.type';

export const Reducer = { LAST: 'LAST', BEST: 'BEST', MIN: 'MIN', MAX: 'MAX', MEAN: 'MEAN' } as const;
registerEnumType(Reducer, {
  name: 'Reducer',
  description: 'How the history of a metric becomes one number.',
  valuesConfig: {
    LAST: { description: 'The newest value.' },
    BEST: { description: 'The largest where larger is better (scores), else the smallest (losses, seconds).' },
    MIN: { description: 'The smallest value.' },
    MAX: { description: 'The largest value.' },
    MEAN: { description: 'The mean of all values.' },
  },
});

export const RunState = Object.fromEntries(runStates.map((state) => [state, state])) as Record<string, string>;
registerEnumType(RunState, {
  name: 'RunState',
  description: 'Where a run is in its life.',
  valuesConfig: {
    PENDING: { description: 'Waits to be taken; `waitingReason` says for what.' },
    SUBMITTED: { description: 'Taken by the dispatcher.' },
    STARTING: { description: 'Its process or job exists.' },
    RUNNING: { description: 'The trainer has given a sign of life.' },
    SUCCEEDED: { description: 'Its result is stored.' },
    FAILED: { description: 'It ended without a result; `failure` says why.' },
    CANCELLED: { description: 'Somebody cancelled it.' },
    STOPPED: {
      description:
        'Successive halving ended it, because it fell behind others of its search; it counts up to `stoppedAtEpoch`.',
    },
  },
});

@InputType({ description: 'Tests on the state of a run; all that are given must hold.' })
export class RunStateConditionInput {
  @Field(() => RunState, { nullable: true, description: 'This state.' })
  eq?: string;

  @Field(() => RunState, { nullable: true, description: 'Any other state.' })
  ne?: string;

  @Field(() => [RunState], { nullable: true, description: 'One of these states.' })
  in?: string[];

  @Field(() => [RunState], { nullable: true, description: 'None of these states.' })
  notIn?: string[];
}

@InputType({ description: 'Tests on a hyper-parameter that the run reads; one it does not read passes none of them.' })
export class ParameterConditionInput implements ParameterCondition {
  @Field(() => String, { description: 'Name of the hyper-parameter.' })
  name: string;

  @Field(() => Boolean, { nullable: true, description: 'false: the run does not read it (or passes not the tests).' })
  present?: boolean;

  @Field(() => NumberConditionInput, { nullable: true, description: 'Tests on it as a number.' })
  number?: NumberConditionInput;

  @Field(() => TextConditionInput, {
    nullable: true,
    description: 'Tests on it as a text; flags and lists are JSON (`true`, `["query","key"]`).',
  })
  text?: TextConditionInput;
}

@InputType({ description: 'Tests on a metric over the whole history of a run; a run without it passes none of them.' })
export class MetricConditionInput implements MetricCondition {
  @Field(() => String, { description: 'Name of the metric, such as `test/accuracy`.' })
  name: string;

  @Field(() => Reducer, { defaultValue: 'LAST', description: 'How its history becomes one number.' })
  reducer: ReducerName;

  @Field(() => Boolean, { nullable: true, description: 'false: the run has not logged it (or passes not the tests).' })
  present?: boolean;

  @Field(() => NumberConditionInput, { nullable: true, description: 'Tests on that number.' })
  value?: NumberConditionInput;
}

@InputType({ description: 'Which runs: all that is given must hold. An empty filter takes every run.' })
export class RunFilterInput implements RunFilter {
  @Field(() => [RunFilterInput], { nullable: true, description: 'All of these must hold.' })
  AND?: RunFilterInput[];

  @Field(() => [RunFilterInput], { nullable: true, description: 'At least one of these must hold.' })
  OR?: RunFilterInput[];

  @Field(() => RunFilterInput, { nullable: true, description: 'This must not hold.' })
  NOT?: RunFilterInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Id of the run.' })
  id?: TextConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Id of its experiment.' })
  experimentId?: TextConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Name of its variant, grid values included.' })
  variant?: TextConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Its variant group: everything but the seed.' })
  groupId?: TextConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Name of its method.' })
  method?: TextConditionInput;

  @Field(() => RunStateConditionInput, { nullable: true, description: 'Where it is in its life.' })
  state?: RunStateConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'What kind of failure ended it.' })
  failureKind?: TextConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Engine it was carried out with.' })
  engine?: TextConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Device that was really used.' })
  device?: TextConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Type of its EC2 machine.' })
  instanceType?: TextConditionInput;

  @Field(() => NumberConditionInput, { nullable: true, description: 'Seconds for which machines are paid.' })
  billedSeconds?: NumberConditionInput;

  @Field(() => NumberConditionInput, { nullable: true, description: 'USD so far, where the price is known.' })
  cost?: NumberConditionInput;

  @Field(() => NumberConditionInput, { nullable: true, description: 'Energy so far in watt-hours.' })
  energyWattHours?: NumberConditionInput;

  @Field(() => NumberConditionInput, { nullable: true, description: 'Its seed.' })
  seed?: NumberConditionInput;

  @Field(() => NumberConditionInput, { nullable: true, description: 'Epoch it has got to.' })
  epoch?: NumberConditionInput;

  @Field(() => NumberConditionInput, { nullable: true, description: 'Number of its newest attempt; 0 before any.' })
  attempt?: NumberConditionInput;

  @Field(() => NumberConditionInput, { nullable: true, description: 'Wall clock of its training, all attempts.' })
  elapsedSeconds?: NumberConditionInput;

  @Field(() => NumberConditionInput, { nullable: true, description: 'Parameters it trained.' })
  trainedParameters?: NumberConditionInput;

  @Field(() => NumberConditionInput, { nullable: true, description: 'Size of its model.' })
  modelBytes?: NumberConditionInput;

  @Field(() => TimeConditionInput, { nullable: true, description: 'When it was created.' })
  createdAt?: TimeConditionInput;

  @Field(() => TimeConditionInput, { nullable: true, description: 'When its trainer first gave a sign of life.' })
  startedAt?: TimeConditionInput;

  @Field(() => TimeConditionInput, { nullable: true, description: 'When it ended.' })
  finishedAt?: TimeConditionInput;

  @Field(() => TimeConditionInput, { nullable: true, description: 'When anything of it last changed.' })
  updatedAt?: TimeConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'At least one tag of its experiment.' })
  tag?: TextConditionInput;

  @Field(() => ParameterConditionInput, { nullable: true, description: 'A hyper-parameter; several: AND.' })
  parameter?: ParameterConditionInput;

  @Field(() => MetricConditionInput, { nullable: true, description: 'A metric; several: AND.' })
  metric?: MetricConditionInput;
}

export const RunOrderField: Record<RunOrderFieldName, RunOrderFieldName> = {
  POSITION: 'POSITION',
  EXPERIMENT: 'EXPERIMENT',
  VARIANT: 'VARIANT',
  METHOD: 'METHOD',
  SEED: 'SEED',
  STATE: 'STATE',
  EPOCH: 'EPOCH',
  ELAPSED_SECONDS: 'ELAPSED_SECONDS',
  TRAINED_PARAMETERS: 'TRAINED_PARAMETERS',
  MODEL_BYTES: 'MODEL_BYTES',
  BILLED_SECONDS: 'BILLED_SECONDS',
  COST: 'COST',
  ENERGY: 'ENERGY',
  CREATED_AT: 'CREATED_AT',
  STARTED_AT: 'STARTED_AT',
  FINISHED_AT: 'FINISHED_AT',
  UPDATED_AT: 'UPDATED_AT',
};
registerEnumType(RunOrderField, {
  name: 'RunOrderField',
  description: 'A field runs can be ordered by.',
  valuesConfig: {
    POSITION: { description: 'Place in the experiment: variants in the order given, seeds within.' },
    EXPERIMENT: { description: 'Id of the experiment.' },
    VARIANT: { description: 'Name of the variant.' },
    METHOD: { description: 'Name of the method.' },
    SEED: { description: 'Seed.' },
    STATE: { description: 'Name of the state, alphabetically.' },
    EPOCH: { description: 'Epoch it has got to.' },
    ELAPSED_SECONDS: { description: 'Wall clock of its training.' },
    TRAINED_PARAMETERS: { description: 'Parameters it trained.' },
    MODEL_BYTES: { description: 'Size of its model.' },
    BILLED_SECONDS: { description: 'Seconds for which machines are paid.' },
    COST: { description: 'USD so far.' },
    ENERGY: { description: 'Energy so far.' },
    CREATED_AT: { description: 'When it was created.' },
    STARTED_AT: { description: 'When its trainer first gave a sign of life.' },
    FINISHED_AT: { description: 'When it ended.' },
    UPDATED_AT: { description: 'When anything of it last changed.' },
  },
});

@InputType({
  description:
    'A metric as one number. Values that are not a number or infinite are left out; a run that logged no others has no value.',
})
export class MetricOrderInput {
  @Field(() => String, { description: 'Name of the metric, such as `test/accuracy`.' })
  name: string;

  @Field(() => Reducer, { defaultValue: 'LAST', description: 'How its history becomes one number.' })
  reducer: ReducerName;
}

@InputType({ description: 'One term of an order of runs: by exactly one of field, parameter and metric.' })
export class RunOrderInput implements RunOrder {
  @Field(() => RunOrderField, { nullable: true, description: 'By a field.' })
  field?: RunOrderFieldName | null;

  @Field(() => String, { nullable: true, description: 'By a hyper-parameter: numbers before texts.' })
  parameter?: string | null;

  @Field(() => MetricOrderInput, { nullable: true, description: 'By a metric.' })
  metric?: MetricOrderInput | null;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.ASC, description: 'Which way.' })
  direction: OrderDirection;

  @Field(() => NullsPlace, { defaultValue: NullsPlace.LAST, description: 'Where runs without a value stand.' })
  nulls: NullsPlace;
}
