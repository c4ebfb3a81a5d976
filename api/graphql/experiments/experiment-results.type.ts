import { createUnionType, Field, ID, ObjectType } from 'type-graphql';
import { isFailure } from '../../shared/errors';
import { Conflict, failureTypeNames, InvalidInput, NotFound } from '../common/failures.type';
import { ExperimentType, Note } from './experiment.type';

@ObjectType({ simpleResolvers: true, description: 'It is done.' })
export class ExperimentPayload {
  @Field(() => ExperimentType, { description: 'The experiment as it is now.' })
  experiment: ExperimentType;

  @Field(() => Boolean, { description: 'Whether it had been done before, so that nothing was changed this time.' })
  repeated: boolean;
}

@ObjectType({ simpleResolvers: true, description: 'The failed runs wait for another try.' })
export class RetryPayload {
  @Field(() => ExperimentType, { description: 'The experiment as it is now.' })
  experiment: ExperimentType;

  @Field(() => [ID], { description: 'The runs that are tried again.' })
  runIds: string[];

  @Field(() => Boolean, { description: 'Whether it had been done before, so that nothing was changed this time.' })
  repeated: boolean;
}

@ObjectType({ simpleResolvers: true, description: 'The note is kept.' })
export class NotePayload {
  @Field(() => Note, { description: 'The note.' })
  note: Note;

  @Field(() => Boolean, { description: 'Whether it had been kept before, so that nothing was changed this time.' })
  repeated: boolean;
}

const typeNameOr = (done: string) => (outcome: object) => (isFailure(outcome) ? failureTypeNames[outcome.kind] : done);

export const CreateExperimentResult = createUnionType({
  name: 'CreateExperimentResult',
  description: 'The experiment, or why there is none.',
  types: () => [ExperimentPayload, InvalidInput, Conflict] as const,
  resolveType: typeNameOr('ExperimentPayload'),
});

export const CloneExperimentResult = createUnionType({
  name: 'CloneExperimentResult',
  description: 'The copy, or why there is none.',
  types: () => [ExperimentPayload, InvalidInput, NotFound, Conflict] as const,
  resolveType: typeNameOr('ExperimentPayload'),
});

export const ChangeExperimentResult = createUnionType({
  name: 'ChangeExperimentResult',
  description: 'The experiment as it is now, or why nothing was changed.',
  types: () => [ExperimentPayload, InvalidInput, NotFound, Conflict] as const,
  resolveType: typeNameOr('ExperimentPayload'),
});

export const RetryFailedRunsResult = createUnionType({
  name: 'RetryFailedRunsResult',
  description: 'The runs that are tried again, or why none is.',
  types: () => [RetryPayload, InvalidInput, NotFound, Conflict] as const,
  resolveType: typeNameOr('RetryPayload'),
});

export const AnnotateResult = createUnionType({
  name: 'AnnotateResult',
  description: 'The note, or why there is none.',
  types: () => [NotePayload, InvalidInput, NotFound, Conflict] as const,
  resolveType: typeNameOr('NotePayload'),
});
