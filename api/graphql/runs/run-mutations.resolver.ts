import { Arg, Authorized, Ctx, createUnionType, Field, ID, Mutation, ObjectType, Resolver } from 'type-graphql';
import type { ApiContext } from '../../context/context';
import { type ChangeRunOutcome, cancelRun, retryRun } from '../../runs/change-run.service';
import { isFailure } from '../../shared/errors';
import { Conflict, failureTypeNames, InvalidInput, NotFound } from '../common/failures.type';
import { RunType } from './run.type';
import { runView } from './run-view';

@ObjectType({ simpleResolvers: true, description: 'It is done, or under way: the run says.' })
export class RunPayload {
  @Field(() => RunType, { description: 'The run as it is now.' })
  run: RunType;

  @Field(() => Boolean, { description: 'Whether it had been done before, so that nothing was changed this time.' })
  repeated: boolean;
}

export const ChangeRunResult = createUnionType({
  name: 'ChangeRunResult',
  description: 'The run as it is now, or why nothing was changed.',
  types: () => [RunPayload, InvalidInput, NotFound, Conflict] as const,
  resolveType: (outcome: object) => (isFailure(outcome) ? failureTypeNames[outcome.kind] : 'RunPayload'),
});

const payload = (outcome: ChangeRunOutcome) =>
  isFailure(outcome) ? outcome : { ...outcome, run: runView(outcome.run) };

@Resolver()
export class RunMutationsResolver {
  @Authorized('editor')
  @Mutation(() => ChangeRunResult, {
    description: 'Cancels a run: at once where it waits, else it writes a checkpoint and stops.',
  })
  async cancelRun(
    @Ctx() { services }: ApiContext,
    @Arg('runId', () => ID, { description: 'Id of the run.' }) runId: string,
  ) {
    return payload(await cancelRun(services, runId));
  }

  @Authorized('editor')
  @Mutation(() => ChangeRunResult, {
    description: 'Has a failed or cancelled run tried again, from its newest checkpoint.',
  })
  async retryRun(
    @Ctx() { services }: ApiContext,
    @Arg('runId', () => ID, { description: 'Id of the run.' }) runId: string,
    @Arg('clientRequestId', () => String, {
      nullable: true,
      description:
        'Your own id of this request: sent again with the same body it gives the same answer, with another it is refused.',
    })
    clientRequestId: string | null,
  ) {
    return payload(await retryRun(services, runId, clientRequestId));
  }
}
