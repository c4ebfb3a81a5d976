import { GraphQLJSON, GraphQLJSONObject } from 'graphql-scalars';
import { Field, ObjectType } from 'type-graphql';
import { listCost } from '../../shared/limits';

@ObjectType({ description: 'A hyper-parameter: what it does, what it may be, and what it is when nothing is said.' })
export class Parameter {
  @Field(() => String, { description: 'Name, unique over all methods.' })
  name: string;

  @Field(() => String, { description: 'What it does, and why the default is what it is.' })
  description: string;

  @Field(() => GraphQLJSON, { nullable: true, description: 'Value for this method when none is given.' })
  default: unknown;

  @Field(() => GraphQLJSONObject, { description: 'The values allowed, as a JSON Schema.' })
  allowed: Record<string, unknown>;
}

@ObjectType({ description: 'A way to train: what a step computes and which hyper-parameters it reads.' })
export class Method {
  @Field(() => String, { description: 'Name to use in a variant.' })
  name: string;

  @Field(() => String, { description: 'Name for a reader.' })
  title: string;

  @Field(() => String, { description: 'What it does, with its source.' })
  description: string;

  @Field(() => String, { description: 'What a run leaves behind: a `student`, or a `teacher` other runs take.' })
  trains: string;

  @Field(() => Boolean, { description: 'Whether a teacher has to be given.' })
  needsTeacher: boolean;

  @Field(() => String, {
    description:
      'What it does with the teacher: `none`; reads the `logits` or also the inner `states` of one that stands still; or the teacher `learns`. Only where it reads logits alone can the teacher be a file of labels.',
  })
  teacherUse: string;

  @Field(() => Boolean, { description: 'Whether it learns from the quiz rows.' })
  usesQuiz: boolean;

  @Field(() => String, { description: 'Why some defaults differ from those of other methods; empty where none do.' })
  defaultsReason: string;

  @Field(() => [Parameter], { description: 'Every hyper-parameter it reads.', complexity: listCost(40) })
  parameters: Parameter[];
}
