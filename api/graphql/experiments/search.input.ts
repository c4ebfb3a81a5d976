import { GraphQLJSON, GraphQLSafeInt } from 'graphql-scalars';
import { Field, Float, InputType, Int, registerEnumType } from 'type-graphql';
import type { SearchDimension } from '../../definition/random-search';
import type { Halving } from '../../definition/successive-halving';

export const Distribution = { uniform: 'uniform', logUniform: 'log-uniform', int: 'int', choice: 'choice' } as const;
registerEnumType(Distribution, {
  name: 'Distribution',
  description: 'How values of a hyper-parameter are drawn.',
  valuesConfig: {
    uniform: { description: 'Evenly from `low` to `high`.' },
    logUniform: { description: 'With an evenly spread logarithm: for learning rates and the like.' },
    int: { description: 'Whole numbers from `low` to `high`, both included.' },
    choice: { description: 'One of `values`.' },
  },
});

@InputType({ description: 'What is drawn for one hyper-parameter; numbers are rounded to 4 significant figures.' })
export class SearchDimensionInput implements SearchDimension {
  @Field(() => String, { description: 'Name of the hyper-parameter.' })
  parameter: string;

  @Field(() => Distribution, { description: 'How it is drawn.' })
  distribution: SearchDimension['distribution'];

  @Field(() => Float, { nullable: true, description: 'Least value, of all but choice.' })
  low?: number | null;

  @Field(() => Float, { nullable: true, description: 'Greatest value, of all but choice.' })
  high?: number | null;

  @Field(() => [GraphQLJSON], { nullable: true, description: 'What choice draws from.' })
  values?: unknown[] | null;
}

@InputType({
  description:
    'Points drawn at random, for every variant that reads any of the hyper-parameters, combined with the grid. All variants get the same draws.',
})
export class RandomSearchInput {
  @Field(() => Int, { description: 'How many points.' })
  samples: number;

  @Field(() => GraphQLSafeInt, {
    nullable: true,
    description: 'Names the draws: the same seed, the same points; 0 when left out.',
  })
  seed?: number | null;

  @Field(() => [SearchDimensionInput], { description: 'The hyper-parameters.' })
  space: SearchDimensionInput[];
}

@InputType({
  description:
    'Asynchronous successive halving in its stopping form (Li et al., 2020): at the epochs minEpochs, minEpochs x reduction, ... a run goes on only if its best `selectBy` so far is among the best 1/reduction of the runs of its variant that got there so far. A run that is stopped keeps what it has.',
})
export class HalvingInput implements Halving {
  @Field(() => Int, { defaultValue: 1, description: 'Epoch of the first rung.' })
  minEpochs: number;

  @Field(() => Int, { defaultValue: 3, description: 'One in so many goes on from a rung; 2 to 10.' })
  reduction: number;
}
