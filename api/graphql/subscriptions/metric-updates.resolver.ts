import { GraphQLSafeInt } from 'graphql-scalars';
import { Arg, Field, Float, ID, Int, ObjectType, Resolver, Root, Subscription } from 'type-graphql';
import type { MetricRecord } from '../../../contract/records';
import type { ApiContext } from '../../context/context';
import { followMetrics, type MetricUpdate } from '../../subscriptions/metric-updates.service';
import { startOf } from '../../subscriptions/start';

@ObjectType({ simpleResolvers: true, description: 'One value of a metric at a step.' })
export class LoggedValue {
  @Field(() => String, { description: 'Name of the metric, such as `train/loss`.' })
  name: string;

  @Field(() => Float, { nullable: true, description: 'The value; null where it is not a number, or infinite.' })
  value: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'What a run logged at one step.' })
export class LoggedRecord {
  @Field(() => GraphQLSafeInt, { description: 'Steps done, over all epochs.' })
  step: number;

  @Field(() => Int, { description: 'Epochs done or, within an epoch, its number.' })
  epoch: number;

  @Field(() => Float, { description: 'Wall clock of the run up to here, over all attempts.' })
  elapsedSeconds: number;

  @Field(() => String, { description: '`step`: training figures; `epoch`: the evaluation that closes an epoch.' })
  scope: string;

  @Field(() => [LoggedValue], { description: 'The values, in the order in which they were logged.' })
  values: LoggedValue[];
}

@ObjectType({ simpleResolvers: true, description: 'Further metrics of a run.' })
export class MetricsLogged {
  @Field(() => String, { description: 'Pass as `after` to go on behind this event.' })
  cursor: string;

  @Field(() => ID, { description: 'The run.' })
  runId: string;

  @Field(() => Int, { description: 'The attempt that logged them.' })
  attempt: number;

  @Field(() => GraphQLSafeInt, {
    nullable: true,
    description:
      'Step of the checkpoint from which the attempt went on; null: from the start. What earlier attempts logged behind it was computed again: drop it.',
  })
  resumedFromStep: number | null;

  @Field(() => [LoggedRecord], { description: 'In the order of their steps.' })
  records: LoggedRecord[];
}

@Resolver()
export class MetricUpdatesResolver {
  @Subscription(() => MetricsLogged, {
    description:
      'Metrics of a run: all from `after` on (without it, from the first), then live. Completes when the run is over.',
    subscribe: ({ args, context }) =>
      followMetrics((context as ApiContext).services, args.runId, startOf(args, context)),
  })
  metricsLogged(
    @Root() update: MetricUpdate,
    @Arg('runId', () => ID, { description: 'The run to follow.' }) _runId: string,
    @Arg('after', () => String, { nullable: true, description: 'Cursor of the last event that was received.' })
    _after: string | null,
  ): MetricsLogged {
    return { ...update, records: update.records.map(loggedRecord) };
  }
}

function loggedRecord({ values, ...record }: MetricRecord): LoggedRecord {
  return { ...record, values: Object.entries(values).map(([name, value]) => ({ name, value })) };
}
