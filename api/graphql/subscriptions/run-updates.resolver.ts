import { Arg, Field, ID, ObjectType, Resolver, Root, Subscription } from 'type-graphql';
import type { ApiContext } from '../../context/context';
import { followRuns, type RunUpdate } from '../../subscriptions/run-updates.service';
import { startOf } from '../../subscriptions/start';
import { RunType } from '../runs/run.type';
import { runView } from '../runs/run-view';

@ObjectType({ simpleResolvers: true, description: 'A run as it is after a change.' })
export class RunUpdated {
  @Field(() => String, { description: 'Pass as `after` to go on behind this event.' })
  cursor: string;

  @Field(() => RunType, { description: 'The run.' })
  run: RunType;
}

@Resolver()
export class RunUpdatesResolver {
  @Subscription(() => RunUpdated, {
    description:
      'Runs of an experiment as they change: first each that changed behind `after` (without it, each there is) as it is now, then live. Of changes in quick succession the last is given.',
    subscribe: ({ args, context }) =>
      followRuns((context as ApiContext).services, args.experimentId, startOf(args, context)),
  })
  runUpdated(
    @Root() update: RunUpdate,
    @Arg('experimentId', () => ID, { description: 'The experiment to follow.' }) _experimentId: string,
    @Arg('after', () => String, { nullable: true, description: 'Cursor of the last event that was received.' })
    _after: string | null,
  ): RunUpdated {
    return { cursor: update.cursor, run: runView(update.run) };
  }
}
