import { GraphQLDateTimeISO } from 'graphql-scalars';
import { Field, Float, InputType } from 'type-graphql';
import type { NumberCondition, TextCondition, TimeCondition } from '../../database/conditions';

@InputType({ description: 'Tests on a number; all that are given must hold. A missing number passes none of them.' })
export class NumberConditionInput implements NumberCondition {
  @Field(() => Float, { nullable: true, description: 'Equal to.' })
  eq?: number;

  @Field(() => Float, { nullable: true, description: 'Other than.' })
  ne?: number;

  @Field(() => [Float], { nullable: true, description: 'One of.' })
  in?: number[];

  @Field(() => [Float], { nullable: true, description: 'None of.' })
  notIn?: number[];

  @Field(() => Float, { nullable: true, description: 'Less than.' })
  lt?: number;

  @Field(() => Float, { nullable: true, description: 'At most.' })
  lte?: number;

  @Field(() => Float, { nullable: true, description: 'Greater than.' })
  gt?: number;

  @Field(() => Float, { nullable: true, description: 'At least.' })
  gte?: number;
}

@InputType({ description: 'Tests on a text; all that are given must hold. A missing text passes none of them.' })
export class TextConditionInput implements TextCondition {
  @Field(() => String, { nullable: true, description: 'Equal to.' })
  eq?: string;

  @Field(() => String, { nullable: true, description: 'Other than.' })
  ne?: string;

  @Field(() => [String], { nullable: true, description: 'One of.' })
  in?: string[];

  @Field(() => [String], { nullable: true, description: 'None of.' })
  notIn?: string[];

  @Field(() => String, { nullable: true, description: 'Has this in it, in capitals or not.' })
  contains?: string;

  @Field(() => String, { nullable: true, description: 'Begins with this, in capitals or not.' })
  startsWith?: string;
}

@InputType({ description: 'Tests on a time; all that are given must hold. A missing time passes none of them.' })
export class TimeConditionInput implements TimeCondition {
  @Field(() => GraphQLDateTimeISO, { nullable: true, description: 'Earlier than.' })
  before?: Date;

  @Field(() => GraphQLDateTimeISO, { nullable: true, description: 'At this time or later.' })
  from?: Date;
}
