import { GraphQLDateTimeISO, GraphQLJSONObject, GraphQLSafeInt } from 'graphql-scalars';
import { Field, Float, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import type { EnergySource as EnergySourceName, RunState as RunStateName } from '../../database/tables';
import { Problem } from '../common/failures.type';
import { RunState } from './run.input';

@ObjectType({ simpleResolvers: true, description: 'How far a run is.' })
export class RunProgress {
  @Field(() => String, {
    nullable: true,
    description: 'What it is doing, for a person; null while nothing works on it.',
  })
  phase: string | null;

  @Field(() => Int, { description: 'Steps done.' })
  step: number;

  @Field(() => Int, { description: 'Steps in all; 0 until known.' })
  totalSteps: number;

  @Field(() => Int, { description: 'Epochs done or begun.' })
  epoch: number;

  @Field(() => Int, { description: 'Epochs in all; 0 until known.' })
  totalEpochs: number;

  @Field(() => Float, { description: 'Wall clock of the training, over all attempts, without the time between them.' })
  elapsedSeconds: number;
}

@ObjectType({ simpleResolvers: true, description: 'Why a run failed.' })
export class RunFailure {
  @Field(() => String, {
    description:
      '`input`: the definition or its files; `numeric`: a loss that is not a number; `resources`: memory or disk; `crash`: the process died; `dependency`: a run whose model it takes failed, was cancelled or stopped.',
  })
  kind: string;

  @Field(() => String, { description: 'What happened, and what to do.' })
  message: string;

  @Field(() => [Problem], { description: 'Each thing wrong, where the failure is about the input.' })
  problems: Problem[];
}

@ObjectType({ simpleResolvers: true, description: 'A hyper-parameter of a run, resolved.' })
export class RunParameter {
  @Field(() => String, { description: 'Name of the hyper-parameter.' })
  name: string;

  @Field(() => Float, { nullable: true, description: 'The value, where it is a number.' })
  number: number | null;

  @Field(() => String, { description: 'The value as text; flags, lists and null as JSON.' })
  text: string;
}

@ObjectType({ simpleResolvers: true, description: 'A metric of a run over its whole history.' })
export class SummaryMetric {
  @Field(() => String, { description: 'Name of the metric, such as `test/accuracy`.' })
  name: string;

  @Field(() => Int, { description: 'Values logged; those that are not numbers are left out.' })
  count: number;

  @Field(() => Float, { description: 'The newest value.' })
  last: number;

  @Field(() => Int, { description: 'Step of the newest value.' })
  lastStep: number;

  @Field(() => Float, { description: 'The smallest value.' })
  min: number;

  @Field(() => Int, { description: 'Step of the smallest value, the earliest of equals.' })
  minStep: number;

  @Field(() => Float, { description: 'The largest value.' })
  max: number;

  @Field(() => Int, { description: 'Step of the largest value, the earliest of equals.' })
  maxStep: number;

  @Field(() => Float, { description: 'The mean of all values.' })
  mean: number;

  @Field(() => Float, { description: 'The largest where larger is better, else the smallest.' })
  best: number;

  @Field(() => Int, { description: 'Step of the best value, the earliest of equals.' })
  bestStep: number;
}

export const AttemptOutcome = {
  running: 'running',
  succeeded: 'succeeded',
  interrupted: 'interrupted',
  failed: 'failed',
  lost: 'lost',
  cancelled: 'cancelled',
} as const;
registerEnumType(AttemptOutcome, {
  name: 'AttemptOutcome',
  description: 'How an attempt ended.',
  valuesConfig: {
    running: { description: 'It has not ended.' },
    succeeded: { description: 'It wrote the result.' },
    interrupted: { description: 'It was asked to stop and left a checkpoint; another attempt continues.' },
    failed: { description: 'It ended for a reason another attempt would meet again.' },
    lost: { description: 'It died without a word.' },
    cancelled: { description: 'The run was cancelled, or stopped by successive halving.' },
  },
});

export const EnergySource = { measured: 'measured', estimated: 'estimated' } as const;
registerEnumType(EnergySource, {
  name: 'EnergySource',
  description: 'Where a figure of energy is from.',
  valuesConfig: {
    measured: { description: 'By nvidia-smi, or by the counters of the processors (RAPL).' },
    estimated: { description: 'From the power of the card, or the processor time: at least of one attempt.' },
  },
});

@ObjectType({ simpleResolvers: true, description: 'One try of a run.' })
export class Attempt {
  @Field(() => Int, { description: 'Number, from 1.' })
  number: number;

  @Field(() => AttemptOutcome, { description: 'How it ended.' })
  outcome: keyof typeof AttemptOutcome;

  @Field(() => String, { nullable: true, description: 'Name of the machine.' })
  host: string | null;

  @Field(() => String, { nullable: true, description: 'Engine it was carried out with.' })
  engine: string | null;

  @Field(() => String, { nullable: true, description: 'Device that was really used.' })
  device: string | null;

  @Field(() => Int, { nullable: true, description: 'Step of the checkpoint it continued from; null: from the start.' })
  resumedFromStep: number | null;

  @Field(() => GraphQLDateTimeISO, { description: 'When it began.' })
  startedAt: Date;

  @Field(() => GraphQLDateTimeISO, { nullable: true, description: 'When it ended.' })
  endedAt: Date | null;

  @Field(() => Int, { nullable: true, description: 'Exit code of its process.' })
  exitCode: number | null;

  @Field(() => String, { nullable: true, description: 'What kind of failure ended it.' })
  failureKind: string | null;

  @Field(() => String, { nullable: true, description: 'What the failure said.' })
  failureMessage: string | null;

  @Field(() => String, { nullable: true, description: 'Where its output is: a log stream of AWS CloudWatch.' })
  log: string | null;

  @Field(() => String, { nullable: true, description: '`spot` or `on-demand`; null: not known.' })
  capacity: string | null;

  @Field(() => String, { nullable: true, description: 'Type of its EC2 machine; null elsewhere.' })
  instanceType: string | null;

  @Field(() => Float, { nullable: true, description: 'USD an hour for its share of that machine; null: not known.' })
  pricePerHour: number | null;

  @Field(() => String, { nullable: true, description: 'Where that price is from.' })
  priceSource: string | null;

  @Field(() => Float, { nullable: true, description: 'Seconds for which the machine is paid.' })
  billedSeconds: number | null;

  @Field(() => Float, { nullable: true, description: 'USD so far; null where a price is not known.' })
  cost: number | null;

  @Field(() => Float, {
    nullable: true,
    description: 'Energy so far in watt-hours: of the GPU, or of its share of the processors.',
  })
  energyWattHours: number | null;

  @Field(() => EnergySource, { nullable: true, description: 'Where that energy is from.' })
  energySource: EnergySourceName | null;
}

/** The fields of a run that its row holds; the rest is resolved where it is asked for (run.resolver.ts). */
@ObjectType('Run', { simpleResolvers: true, description: 'One variant with one seed.' })
export class RunType {
  @Field(() => ID, { description: 'Id, also the prefix of its objects.' })
  id: string;

  @Field(() => ID, { description: 'Id of its experiment.' })
  experimentId: string;

  @Field(() => Int, { description: 'Place in the experiment: variants in the order given, seeds within.' })
  position: number;

  @Field(() => String, { description: 'Name of its variant, grid values included.' })
  variant: string;

  @Field(() => ID, { description: 'Its variant group: all runs alike in everything but the seed.' })
  groupId: string;

  @Field(() => String, { description: 'Name of its method.' })
  method: string;

  @Field(() => GraphQLSafeInt, { description: 'Its seed.' })
  seed: number;

  @Field(() => RunState, { description: 'Where it is in its life.' })
  state: RunStateName;

  @Field(() => Boolean, { description: 'Whether it has ended: nothing changes it any more but a retry.' })
  isOver: boolean;

  @Field(() => [ID], { description: 'The runs whose models it takes: it begins when all of them have succeeded.' })
  dependsOn: string[];

  @Field(() => GraphQLJSONObject, { description: 'The full, resolved definition, as the trainer reads it.' })
  spec: Record<string, unknown>;

  @Field(() => Int, { description: 'Number of the newest attempt; 0 before the first.' })
  attempt: number;

  @Field(() => String, { nullable: true, description: 'Why it waits.' })
  waitingReason: string | null;

  @Field(() => Boolean, { description: 'Whether somebody asked for it to be cancelled.' })
  cancelRequested: boolean;

  @Field(() => RunFailure, { nullable: true, description: 'Why it failed.' })
  failure: RunFailure | null;

  @Field(() => RunProgress, { description: 'How far it is.' })
  progress: RunProgress;

  @Field(() => String, { nullable: true, description: 'Engine it was carried out with.' })
  engine: string | null;

  @Field(() => String, { nullable: true, description: 'Device that was really used.' })
  device: string | null;

  @Field(() => GraphQLSafeInt, { nullable: true, description: 'Parameters it trained.' })
  trainedParameters: number | null;

  @Field(() => GraphQLSafeInt, { nullable: true, description: 'Size of its model in bytes.' })
  modelBytes: number | null;

  @Field(() => Int, { nullable: true, description: 'Epoch whose weights are its model: the best on dev.' })
  selectedEpoch: number | null;

  @Field(() => String, {
    nullable: true,
    description: 'Type of the EC2 machine of its newest attempt; null elsewhere.',
  })
  instanceType: string | null;

  @Field(() => Float, { nullable: true, description: 'USD an hour for its share of that machine; null: not known.' })
  pricePerHour: number | null;

  @Field(() => Float, { nullable: true, description: 'Seconds for which the machine is paid, all attempts.' })
  billedSeconds: number | null;

  @Field(() => Float, { nullable: true, description: 'USD so far, all attempts; null where a price is not known.' })
  cost: number | null;

  @Field(() => Float, {
    nullable: true,
    description: 'Energy so far in watt-hours, all attempts: of the GPU, or of its share of the processors.',
  })
  energyWattHours: number | null;

  @Field(() => EnergySource, { nullable: true, description: 'Where that energy is from.' })
  energySource: EnergySourceName | null;

  @Field(() => [String], { description: 'What a reader of its result must know.' })
  resultNotes: string[];

  @Field(() => [String], {
    description:
      'Stored objects of it that are damaged, so that its metrics lack what was in them: each with its key and what to do.',
  })
  damage: string[];

  @Field(() => GraphQLDateTimeISO, { description: 'When it was created.' })
  createdAt: Date;

  @Field(() => GraphQLDateTimeISO, { nullable: true, description: 'When its newest attempt was taken.' })
  submittedAt: Date | null;

  @Field(() => GraphQLDateTimeISO, { nullable: true, description: 'When its trainer first gave a sign of life.' })
  startedAt: Date | null;

  @Field(() => GraphQLDateTimeISO, { nullable: true, description: 'When it ended.' })
  finishedAt: Date | null;

  @Field(() => GraphQLDateTimeISO, { nullable: true, description: 'Newest sign of life.' })
  heartbeatAt: Date | null;

  @Field(() => GraphQLDateTimeISO, { description: 'When anything of it last changed.' })
  updatedAt: Date;

  @Field(() => Int, { description: 'Counts its changes.' })
  revision: number;
}
