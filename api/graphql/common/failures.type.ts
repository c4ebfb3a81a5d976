import { Field, InterfaceType, ObjectType, registerEnumType } from 'type-graphql';
import type { Failure as FailureData } from '../../shared/errors';

export enum FailureKind {
  INVALID_INPUT = 'INVALID_INPUT',
  NOT_FOUND = 'NOT_FOUND',
  CONFLICT = 'CONFLICT',
}
registerEnumType(FailureKind, {
  name: 'FailureKind',
  description: 'Why something that was asked was not done.',
  valuesConfig: {
    INVALID_INPUT: { description: 'Something given is wrong; the problems say what.' },
    NOT_FOUND: { description: 'What is named does not exist.' },
    CONFLICT: {
      description: 'The state of things forbids it: finished, launched already, or a request id used twice.',
    },
  },
});

@ObjectType({ simpleResolvers: true, description: 'One thing wrong.' })
export class Problem {
  @Field(() => String, { description: 'Where: a dotted path into the input, such as `variants.1.parameters.alpha`.' })
  path: string;

  @Field(() => String, { description: 'What is wrong: what was given, what is allowed, what to do.' })
  message: string;
}

@InterfaceType({
  description: 'An expected failure. Nothing was changed.',
  resolveType: (failure: FailureData) => failureTypeNames[failure.kind],
})
export abstract class Failure {
  @Field(() => FailureKind, { description: 'Why it was not done.' })
  kind: FailureKind;

  @Field(() => [Problem], { description: 'Everything that is wrong, at once.', complexity: 1 })
  problems: Problem[];
}

@ObjectType({
  simpleResolvers: true,
  implements: Failure,
  description: 'Something given is wrong; nothing was changed.',
})
export class InvalidInput extends Failure {}

@ObjectType({ simpleResolvers: true, implements: Failure, description: 'What is named does not exist.' })
export class NotFound extends Failure {}

@ObjectType({
  simpleResolvers: true,
  implements: Failure,
  description: 'The state of things forbids it: finished, launched already, or a request id used with another body.',
})
export class Conflict extends Failure {}

/** The GraphQL type of each kind of failure. */
export const failureTypeNames: Record<FailureData['kind'], string> = {
  INVALID_INPUT: 'InvalidInput',
  NOT_FOUND: 'NotFound',
  CONFLICT: 'Conflict',
};
