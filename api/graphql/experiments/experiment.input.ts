import { Field, InputType, registerEnumType } from 'type-graphql';
import type {
  ExperimentFilter,
  ExperimentOrder,
  ExperimentOrderField as ExperimentOrderFieldName,
} from '../../experiments/experiment-filter';
import { TextConditionInput, TimeConditionInput } from '../common/conditions.input';
import { NullsPlace, OrderDirection } from '../common/page.type';
import { ExperimentState } from './experiment.type';

@InputType({ description: 'Tests on the state of an experiment; all that are given must hold.' })
export class ExperimentStateConditionInput {
  @Field(() => ExperimentState, { nullable: true, description: 'This state.' })
  eq?: string;

  @Field(() => ExperimentState, { nullable: true, description: 'Any other state.' })
  ne?: string;

  @Field(() => [ExperimentState], { nullable: true, description: 'One of these states.' })
  in?: string[];

  @Field(() => [ExperimentState], { nullable: true, description: 'None of these states.' })
  notIn?: string[];
}

@InputType({ description: 'Which experiments: all that is given must hold. An empty filter takes every experiment.' })
export class ExperimentFilterInput implements ExperimentFilter {
  @Field(() => [ExperimentFilterInput], { nullable: true, description: 'All of these must hold.' })
  AND?: ExperimentFilterInput[];

  @Field(() => [ExperimentFilterInput], { nullable: true, description: 'At least one of these must hold.' })
  OR?: ExperimentFilterInput[];

  @Field(() => ExperimentFilterInput, { nullable: true, description: 'This must not hold.' })
  NOT?: ExperimentFilterInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Its id.' })
  id?: TextConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Its name.' })
  name?: TextConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'What it is to find out.' })
  question?: TextConditionInput;

  @Field(() => ExperimentStateConditionInput, { nullable: true, description: 'Where it is in its life.' })
  state?: ExperimentStateConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'Id of the experiment it was cloned from.' })
  clonedFrom?: TextConditionInput;

  @Field(() => TextConditionInput, { nullable: true, description: 'At least one of its tags.' })
  tag?: TextConditionInput;

  @Field(() => TimeConditionInput, { nullable: true, description: 'When it was created.' })
  createdAt?: TimeConditionInput;

  @Field(() => TimeConditionInput, { nullable: true, description: 'When it was launched.' })
  launchedAt?: TimeConditionInput;

  @Field(() => TimeConditionInput, { nullable: true, description: 'When it was put out of sight.' })
  archivedAt?: TimeConditionInput;
}

export const ExperimentOrderField: Record<ExperimentOrderFieldName, ExperimentOrderFieldName> = {
  NAME: 'NAME',
  STATE: 'STATE',
  CREATED_AT: 'CREATED_AT',
  UPDATED_AT: 'UPDATED_AT',
  LAUNCHED_AT: 'LAUNCHED_AT',
};
registerEnumType(ExperimentOrderField, {
  name: 'ExperimentOrderField',
  description: 'A field experiments can be ordered by.',
  valuesConfig: {
    NAME: { description: 'Name.' },
    STATE: { description: 'Name of the state, alphabetically.' },
    CREATED_AT: { description: 'When it was created.' },
    UPDATED_AT: { description: 'When it last changed.' },
    LAUNCHED_AT: { description: 'When it was launched.' },
  },
});

@InputType({ description: 'One term of an order of experiments.' })
export class ExperimentOrderInput implements ExperimentOrder {
  @Field(() => ExperimentOrderField, { description: 'By which field.' })
  field: ExperimentOrderFieldName;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.ASC, description: 'Which way.' })
  direction: OrderDirection;

  @Field(() => NullsPlace, { defaultValue: NullsPlace.LAST, description: 'Where those without a value stand.' })
  nulls: NullsPlace;
}
