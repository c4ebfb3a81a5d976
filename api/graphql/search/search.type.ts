import { createUnionType, Field, Float, ID, Int, ObjectType } from 'type-graphql';
import { isFailure } from '../../shared/errors';
import { listCost } from '../../shared/limits';
import { failureTypeNames, InvalidInput } from '../common/failures.type';
import { Interval } from '../comparison/pair.type';

@ObjectType({ simpleResolvers: true, description: 'A score over the runs of one point.' })
export class PointScore {
  @Field(() => Int, { description: 'Runs.' })
  n: number;

  @Field(() => Float, { nullable: true, description: 'Mean; null without runs that have it.' })
  mean: number | null;

  @Field(() => Float, { nullable: true, description: 'Standard deviation; null below two runs.' })
  standardDeviation: number | null;

  @Field(() => Interval, { nullable: true, description: '95 % interval of the mean; null below two runs.' })
  interval: Interval | null;
}

@ObjectType({
  simpleResolvers: true,
  description:
    'The point of a search that is best on dev. Its dev score is too good by that choice; its test score is not.',
})
export class BestPoint {
  @Field(() => String, { description: 'Name of the variant at this point, with its values.' })
  name: string;

  @Field(() => [ID], { description: 'Its runs that were trained to the end.' })
  runIds: string[];

  @Field(() => String, { description: 'The metric it was chosen by, which also selects the models.' })
  selectBy: string;

  @Field(() => PointScore, { description: 'That metric at the epochs of the models.' })
  selected: PointScore;

  @Field(() => PointScore, { description: 'dev/accuracy at those epochs.' })
  devAccuracy: PointScore;

  @Field(() => PointScore, { description: 'test/accuracy at those epochs.' })
  testAccuracy: PointScore;

  @Field(() => PointScore, { description: 'test/macro-f1 at those epochs.' })
  testF1: PointScore;
}

@ObjectType({ simpleResolvers: true, description: 'What a search over the points of one variant came to.' })
export class SearchResult {
  @Field(() => String, { description: 'The variant of the definition.' })
  variant: string;

  @Field(() => Int, { description: 'Points of grid and random search.' })
  points: number;

  @Field(() => Int, { description: 'Runs at all points.' })
  runs: number;

  @Field(() => Int, { description: 'Runs that successive halving stopped.' })
  stoppedEarly: number;

  @Field(() => Int, { description: 'Runs that are not over yet.' })
  unfinished: number;

  @Field(() => BestPoint, { nullable: true, description: 'The best point; null while no run was trained to the end.' })
  best: BestPoint | null;
}

@ObjectType({ simpleResolvers: true, description: 'What the runs of one method will take.' })
export class PlannedMethod {
  @Field(() => String, { description: 'The method.' })
  method: string;

  @Field(() => Int, { description: 'Its runs.' })
  runs: number;

  @Field(() => Int, { description: 'Epochs of all its runs together.' })
  epochs: number;

  @Field(() => Float, { nullable: true, description: 'Seconds of all its runs; null without earlier runs.' })
  seconds: number | null;

  @Field(() => Float, {
    nullable: true,
    description:
      'USD of all its runs: by what earlier ones cost, else by their time and the price of their machine; null where neither is known.',
  })
  cost: number | null;

  @Field(() => String, { description: 'What the figures rest on.' })
  basis: string;
}

@ObjectType({ simpleResolvers: true, description: 'What an experiment would be, before anything of it is stored.' })
export class ExperimentPlan {
  @Field(() => Int, { description: 'Runs, the fine-tuning of the teacher included.' })
  runs: number;

  @Field(() => Int, { description: 'Variants, points of grid and random search counted one by one.' })
  variants: number;

  @Field(() => [PlannedMethod], { description: 'By method.', complexity: listCost() })
  methods: PlannedMethod[];

  @Field(() => Float, { nullable: true, description: 'Seconds of all runs one after another; null where unknown.' })
  seconds: number | null;

  @Field(() => Float, { nullable: true, description: 'USD of all runs; null where unknown.' })
  cost: number | null;

  @Field(() => Int, {
    nullable: true,
    description: 'Runs at a time; null: as many as there are, as where machines are hired for them.',
  })
  slots: number | null;

  @Field(() => Float, {
    nullable: true,
    description:
      'Seconds from the launch to the end of the last run with so many slots, students behind their teacher; null where unknown.',
  })
  wallClockSeconds: number | null;

  @Field(() => [String], { description: 'How to read the figures.' })
  notes: string[];
}

export const PlanResult = createUnionType({
  name: 'PlanResult',
  description: 'The plan, or what is wrong with the definition.',
  types: () => [ExperimentPlan, InvalidInput] as const,
  resolveType: (outcome: object) => (isFailure(outcome) ? failureTypeNames[outcome.kind] : 'ExperimentPlan'),
});
