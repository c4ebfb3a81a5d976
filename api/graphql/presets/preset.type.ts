import { GraphQLJSONObject } from 'graphql-scalars';
import { Field, Float, Int, ObjectType, registerEnumType } from 'type-graphql';
import type { PresetName as Name } from '../../../contract/presets';
import type { ResultColumn as ResultColumnData } from '../../presets/result-table';
import { listCost } from '../../shared/limits';
import { PresetName } from './preset.input';

@ObjectType({ simpleResolvers: true, description: 'One variant of a preset.' })
export class PresetVariant {
  @Field(() => String, { description: 'Name.' })
  name: string;

  @Field(() => String, { description: 'Name of its method.' })
  method: string;

  @Field(() => GraphQLJSONObject, { description: 'Hyper-parameters that tell it from the others.' })
  parameters: object;

  @Field(() => Float, {
    nullable: true,
    description: 'Accuracy the thesis reports: on test, the maximum over the epochs of a single run.',
  })
  reportedAccuracy: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'An experiment of the thesis, to be launched by its name.' })
export class Preset {
  @Field(() => PresetName, { description: 'Its name.' })
  name: Name;

  @Field(() => String, { description: 'What is varied.' })
  title: string;

  @Field(() => String, { description: 'What it is to find out.' })
  question: string;

  @Field(() => [String], { description: "What a reader must know to set an outcome beside the thesis's." })
  notes: readonly string[];

  @Field(() => GraphQLJSONObject, { description: 'Hyper-parameters of every variant that reads them.' })
  parameters: object;

  @Field(() => [PresetVariant], { description: 'What is compared.', complexity: listCost() })
  variants: readonly PresetVariant[];

  @Field(() => GraphQLJSONObject, {
    nullable: true,
    description: 'The hyper-parameter that is tried with several values: `{ parameter, values }`.',
  })
  sweep: object | null;
}

export const ResultUnit: Record<ResultColumnData['unit'], ResultColumnData['unit']> = {
  share: 'share',
  difference: 'difference',
  seconds: 'seconds',
  count: 'count',
};
registerEnumType(ResultUnit, {
  name: 'ResultUnit',
  description: 'What the numbers of a column are.',
  valuesConfig: {
    share: { description: 'Shares of 1, such as accuracies.' },
    difference: { description: 'Differences of two shares.' },
    seconds: { description: 'Seconds.' },
    count: { description: 'Counts.' },
  },
});

@ObjectType({ simpleResolvers: true, description: 'A column of a table.' })
export class ResultColumn implements ResultColumnData {
  @Field(() => String, { description: 'Heading.' })
  name: string;

  @Field(() => ResultUnit, { description: 'What its numbers are.' })
  unit: ResultColumnData['unit'];

  @Field(() => Boolean, { description: 'Whether the test set took part in choosing its numbers.' })
  selectedOnTest: boolean;

  @Field(() => Boolean, { description: "Whether its numbers are the thesis's own." })
  reported: boolean;
}

@ObjectType({
  simpleResolvers: true,
  description: 'A number in a table: a mean over runs, or a figure that was reported.',
})
export class ResultCell {
  @Field(() => Float, { nullable: true, description: 'The number; null where there is none.' })
  value: number | null;

  @Field(() => Float, { nullable: true, description: 'Standard deviation over the runs; null below two of them.' })
  standardDeviation: number | null;

  @Field(() => Int, { description: 'Runs it rests on; 0 where it rests on none of this experiment.' })
  n: number;
}

@ObjectType({ simpleResolvers: true, description: 'A row of a table.' })
export class ResultRow {
  @Field(() => String, { description: 'What it is about, mostly a variant.' })
  label: string;

  @Field(() => [ResultCell], { description: 'One cell a column.', complexity: listCost() })
  cells: ResultCell[];
}

@ObjectType({ simpleResolvers: true, description: 'An outcome as rows and columns.' })
export class ResultTable {
  @Field(() => String, { description: 'Heading.' })
  title: string;

  @Field(() => [String], { description: 'What a reader must know.' })
  notes: string[];

  @Field(() => [ResultColumn], { description: 'The columns.', complexity: listCost() })
  columns: ResultColumn[];

  @Field(() => [ResultRow], { description: 'The rows.', complexity: listCost() })
  rows: ResultRow[];
}
