import { GraphQLDateTimeISO, GraphQLJSONObject } from 'graphql-scalars';
import { Field, Float, ID, Int, ObjectType, registerEnumType } from 'type-graphql';
import type { RunState as RunStateName } from '../../database/tables';
import { RunState } from '../runs/run.input';

export const ExperimentState = {
  draft: 'draft',
  launched: 'launched',
  stopped: 'stopped',
  cancelled: 'cancelled',
} as const;
registerEnumType(ExperimentState, {
  name: 'ExperimentState',
  description: 'Where an experiment is in its life.',
  valuesConfig: {
    draft: { description: 'Defined; its runs wait for the launch.' },
    launched: { description: 'Its runs are taken as slots come free.' },
    stopped: {
      description: 'Launching ceased, after failures of the machinery or for its cost; `stopReason` says why.',
    },
    cancelled: { description: 'Somebody cancelled it.' },
  },
});

@ObjectType({ simpleResolvers: true, description: 'How many runs are in a state.' })
export class RunCount {
  @Field(() => RunState, { description: 'The state.' })
  state: RunStateName;

  @Field(() => Boolean, { description: 'Whether runs in it have ended.' })
  isOver: boolean;

  @Field(() => Int, { description: 'Runs in it.' })
  count: number;
}

@ObjectType({ simpleResolvers: true, description: 'A remark somebody left on an experiment or a run.' })
export class Note {
  @Field(() => ID, { description: 'Id of the note.' })
  id: string;

  @Field(() => ID, { description: 'The experiment it is about.' })
  experimentId: string;

  @Field(() => ID, { nullable: true, description: 'The run it is about; null: the whole experiment.' })
  runId: string | null;

  @Field(() => String, { description: 'What it says.' })
  text: string;

  @Field(() => String, { description: 'Who wrote it.' })
  author: string;

  @Field(() => GraphQLDateTimeISO, { description: 'When it was written.' })
  createdAt: Date;
}

@ObjectType({
  simpleResolvers: true,
  description: 'What the runs of an experiment have taken so far, all attempts together.',
})
export class ExperimentCosts {
  @Field(() => Float, { description: 'USD, as far as prices are known.' })
  cost: number;

  @Field(() => Int, { description: 'Runs on machines whose price is not known: their cost is missing in `cost`.' })
  unpricedRuns: number;

  @Field(() => Float, { description: 'Seconds for which machines are paid.' })
  billedSeconds: number;

  @Field(() => Float, { description: 'Energy in watt-hours, as far as it is known.' })
  energyWattHours: number;

  @Field(() => Int, { description: 'Runs whose energy was estimated, not measured.' })
  estimatedEnergyRuns: number;
}

/** The fields of an experiment that its row holds; the rest is resolved where it is asked for. */
@ObjectType('Experiment', {
  simpleResolvers: true,
  description:
    'A question: data, a teacher, variants x grid x seeds. Its definition never changes; a clone may differ.',
})
export class ExperimentType {
  @Field(() => ID, { description: 'Id of the experiment.' })
  id: string;

  @Field(() => String, { description: 'Name.' })
  name: string;

  @Field(() => String, { description: 'What it is to find out.' })
  question: string;

  @Field(() => ExperimentState, { description: 'Where it is in its life.' })
  state: keyof typeof ExperimentState;

  @Field(() => String, { nullable: true, description: 'Why launching ceased.' })
  stopReason: string | null;

  @Field(() => Float, { nullable: true, description: 'USD beyond which it launches nothing more; null: no limit.' })
  maxCost: number | null;

  @Field(() => GraphQLJSONObject, { description: 'The definition as given, with what was left out filled in.' })
  definition: Record<string, unknown>;

  @Field(() => ID, { nullable: true, description: 'The experiment it was cloned from.' })
  clonedFrom: string | null;

  @Field(() => GraphQLDateTimeISO, { description: 'When it was created.' })
  createdAt: Date;

  @Field(() => GraphQLDateTimeISO, { description: 'When it last changed, its runs apart.' })
  updatedAt: Date;

  @Field(() => GraphQLDateTimeISO, { nullable: true, description: 'When it was launched.' })
  launchedAt: Date | null;

  @Field(() => GraphQLDateTimeISO, { nullable: true, description: 'When it was put out of sight.' })
  archivedAt: Date | null;
}
