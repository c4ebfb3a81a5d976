import { GraphQLSafeInt } from 'graphql-scalars';
import { Field, ObjectType } from 'type-graphql';

@ObjectType({ simpleResolvers: true, description: 'A file of the data as a run read it.' })
export class DataFileType {
  @Field(() => String, { description: 'SHA-256 of its bytes, hexadecimal.' })
  sha256: string;

  @Field(() => GraphQLSafeInt, { description: 'Rows found in it.' })
  rows: number;
}

@ObjectType({ simpleResolvers: true, description: 'Rows of a run by what it used them for.' })
export class SplitRows {
  @Field(() => GraphQLSafeInt, { description: 'Trained on.' })
  train: number;

  @Field(() => GraphQLSafeInt, { description: 'Of the quiz set.' })
  quiz: number;

  @Field(() => GraphQLSafeInt, { description: 'Of the dev set, on which everything is selected.' })
  dev: number;

  @Field(() => GraphQLSafeInt, { description: 'Of the test set.' })
  test: number;
}

@ObjectType({ simpleResolvers: true, description: 'What a result was made from, as its trainer wrote it down.' })
export class Provenance {
  @Field(() => [String], {
    description:
      'Versions of the trainer that worked on it: of the package, and behind a `+` the commit where it is known.',
  })
  code: string[];

  @Field(() => [String], { description: 'Versions of Node.js that ran it.' })
  node: string[];

  @Field(() => SplitRows, {
    nullable: true,
    description: 'Rows by what they were used for; null where the result is damaged.',
  })
  rows: SplitRows | null;

  @Field(() => DataFileType, {
    nullable: true,
    description: 'The train file; null where an earlier trainer did not tell.',
  })
  trainFile: DataFileType | null;

  @Field(() => DataFileType, {
    nullable: true,
    description: 'The test file; null where an earlier trainer did not tell.',
  })
  testFile: DataFileType | null;

  @Field(() => [String], {
    description: 'Damaged objects that it was to be read from, each with its key and what to do.',
  })
  damage: string[];
}
