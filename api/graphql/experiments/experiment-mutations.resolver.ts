import { Arg, Authorized, Ctx, Float, ID, Mutation, Resolver } from 'type-graphql';
import type { ApiContext } from '../../context/context';
import { cloneExperiment, createExperiment } from '../../experiments/experiment.service';
import * as control from '../../experiments/experiment-control.service';
import { annotate } from '../../experiments/note.service';
import { isFailure } from '../../shared/errors';
import {
  CloneExperimentInput,
  ExperimentInput,
  keyDescription,
  launchDescription,
  NoteInput,
} from './definition.input';
import {
  AnnotateResult,
  ChangeExperimentResult,
  CloneExperimentResult,
  CreateExperimentResult,
  RetryFailedRunsResult,
} from './experiment-results.type';
import { experimentPayload, experimentView, noteView } from './experiment-view';

const idDescription = 'Id of the experiment.';
@Resolver()
export class ExperimentMutationsResolver {
  @Authorized('editor')
  @Mutation(() => CreateExperimentResult, {
    description: 'Defines an experiment: checks everything, and makes its runs. A draft until it is launched.',
  })
  async createExperiment(
    @Ctx() { services }: ApiContext,
    @Arg('input', () => ExperimentInput, { description: 'The definition.' }) input: ExperimentInput,
    @Arg('launch', () => Boolean, { defaultValue: false, description: launchDescription }) launch: boolean,
  ) {
    const { clientRequestId, ...definition } = input;
    return experimentPayload(await createExperiment(services, definition, { clientRequestId, launch }));
  }

  @Authorized('editor')
  @Mutation(() => CloneExperimentResult, { description: 'Makes a new experiment of an old one, with changes.' })
  async cloneExperiment(
    @Ctx() { services }: ApiContext,
    @Arg('input', () => CloneExperimentInput, { description: 'What to copy, and what to change.' })
    { id, name, changes, clientRequestId }: CloneExperimentInput,
    @Arg('launch', () => Boolean, { defaultValue: false, description: launchDescription }) launch: boolean,
  ) {
    const changed = { ...(changes ?? {}), name } as Parameters<typeof cloneExperiment>[2];
    return experimentPayload(await cloneExperiment(services, id, changed, { clientRequestId, launch }));
  }

  @Authorized('editor')
  @Mutation(() => ChangeExperimentResult, { description: 'Launches a draft: its runs are taken as slots come free.' })
  async launchExperiment(
    @Ctx() { services }: ApiContext,
    @Arg('id', () => ID, { description: idDescription }) id: string,
    @Arg('clientRequestId', () => String, { nullable: true, description: keyDescription })
    clientRequestId: string | null,
  ) {
    return experimentPayload(await control.launchExperiment(services, id, clientRequestId));
  }

  @Authorized('editor')
  @Mutation(() => ChangeExperimentResult, {
    description: 'Cancels all runs that are not over; those at work write a checkpoint and stop.',
  })
  async cancelExperiment(
    @Ctx() { services }: ApiContext,
    @Arg('id', () => ID, { description: idDescription }) id: string,
  ) {
    return experimentPayload(await control.cancelExperiment(services, id));
  }

  @Authorized('editor')
  @Mutation(() => RetryFailedRunsResult, {
    description: 'Has every failed run tried again, from its newest checkpoint. A stopped experiment goes on.',
  })
  async retryFailedRuns(
    @Ctx() { services }: ApiContext,
    @Arg('id', () => ID, { description: idDescription }) id: string,
    @Arg('clientRequestId', () => String, { nullable: true, description: keyDescription })
    clientRequestId: string | null,
  ) {
    const outcome = await control.retryFailedRuns(services, id, clientRequestId);
    return isFailure(outcome) ? outcome : { ...outcome, experiment: experimentView(outcome.experiment) };
  }

  @Authorized('editor')
  @Mutation(() => ChangeExperimentResult, {
    description: 'Sets the most an experiment may cost; one that had stopped for its cost launches again.',
  })
  async setMaxCost(
    @Ctx() { services }: ApiContext,
    @Arg('id', () => ID, { description: idDescription }) id: string,
    @Arg('maxCost', () => Float, { nullable: true, description: 'In USD; null lifts the limit.' })
    maxCost: number | null,
  ) {
    return experimentPayload(await control.setMaxCost(services, id, maxCost ?? null));
  }

  @Authorized('editor')
  @Mutation(() => ChangeExperimentResult, { description: 'Adds and removes words to find an experiment by.' })
  async tagExperiment(
    @Ctx() { services }: ApiContext,
    @Arg('id', () => ID, { description: idDescription }) id: string,
    @Arg('add', () => [String], { defaultValue: [], description: 'Tags it gets; one it has already changes nothing.' })
    add: string[],
    @Arg('remove', () => [String], { defaultValue: [], description: 'Tags it loses, if it has them.' })
    remove: string[],
  ) {
    return experimentPayload(await control.tagExperiment(services, id, { add, remove }));
  }

  @Authorized('editor')
  @Mutation(() => AnnotateResult, { description: 'Keeps a remark on an experiment or a run.' })
  async annotate(
    @Ctx() { services, viewer }: ApiContext,
    @Arg('input', () => NoteInput, { description: 'The remark, and what it is about.' }) input: NoteInput,
  ) {
    const outcome = await annotate(services, viewer.name, input);
    return isFailure(outcome) ? outcome : { ...outcome, note: noteView(outcome.note) };
  }

  @Authorized('admin')
  @Mutation(() => ChangeExperimentResult, {
    description: 'Puts an experiment out of sight, or back; nothing of it is deleted.',
  })
  async archiveExperiment(
    @Ctx() { services }: ApiContext,
    @Arg('id', () => ID, { description: idDescription }) id: string,
    @Arg('archived', () => Boolean, { defaultValue: true, description: 'false brings it back.' }) archived: boolean,
  ) {
    return experimentPayload(await control.archiveExperiment(services, id, archived));
  }
}
