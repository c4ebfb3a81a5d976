import { GraphQLJSON, GraphQLJSONObject } from 'graphql-scalars';
import { Field, ObjectType } from 'type-graphql';
import { listCost } from '../../shared/limits';

@ObjectType({
  simpleResolvers: true,
  description: 'A hyper-parameter: what it does, what it may be, and what it is when nothing is said.',
})
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

@ObjectType({ simpleResolvers: true, description: 'What a method needs besides the train rows.' })
export class MethodNeeds {
  @Field(() => String, {
    description:
      'Of a teacher: `none`, its `logits` (which a file of labels can give), its inner `states`, `attributions` by gradients through it, or its `weights`, which learn.',
  })
  teacher: string;

  @Field(() => String, {
    description: 'Of a student: `any`, one that pools its words by `attention`, or one that is `trained`.',
  })
  student: string;

  @Field(() => Boolean, { description: 'Whether it learns from the quiz rows.' })
  quiz: boolean;
}

@ObjectType({
  simpleResolvers: true,
  description: 'A way to train: what a step computes and which hyper-parameters it reads.',
})
export class Method {
  @Field(() => String, { description: 'Name to use in a variant.' })
  name: string;

  @Field(() => String, { description: 'Name for a reader.' })
  title: string;

  @Field(() => String, { description: 'What it does, with its source.' })
  description: string;

  @Field(() => String, {
    description: '`train`: epochs of steps; `transform`: a trained model goes in, another one comes out.',
  })
  kind: string;

  @Field(() => String, { description: 'What a run leaves behind: a `student`, or a `teacher` other runs take.' })
  trains: string;

  @Field(() => Boolean, { description: 'Whether a teacher has to be given.' })
  needsTeacher: boolean;

  @Field(() => MethodNeeds, { description: 'What it needs besides the train rows.' })
  needs: MethodNeeds;

  @Field(() => String, {
    description: 'The part of the teacher that learns: `nothing`, `all`, or the `part` that `peft` chooses.',
  })
  teacherLearns: string;

  @Field(() => String, { nullable: true, description: 'Its source; null if it needs none.' })
  paper: string | null;

  @Field(() => String, { description: 'Why some defaults differ from those of other methods; empty where none do.' })
  defaultsReason: string;

  @Field(() => [Parameter], { description: 'Every hyper-parameter it reads.', complexity: listCost(40) })
  parameters: Parameter[];
}
