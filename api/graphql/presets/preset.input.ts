import { GraphQLJSONObject, GraphQLSafeInt } from 'graphql-scalars';
import { Field, Float, InputType, registerEnumType } from 'type-graphql';
import { type PresetName as Name, presetNames, presets } from '../../../contract/presets';
import { defaultSeeds, type GivenParameters } from '../../definition/definition';
import type { GivenPreset } from '../../definition/preset-definition';
import { DataInput, keyDescription, RunSettingsInput, TeacherInput } from '../experiments/definition.input';

export const PresetName = Object.fromEntries(presetNames.map((name) => [name, name])) as Record<Name, Name>;
registerEnumType(PresetName, {
  name: 'PresetName',
  description: 'An experiment of the thesis; the query `presets` says what it holds and what the thesis reports.',
  valuesConfig: Object.fromEntries(presetNames.map((name) => [name, { description: `${presets[name].title}.` }])),
});

@InputType({ description: "One of the thesis's experiments on data and a teacher of your own." })
export class PresetExperimentInput extends RunSettingsInput implements GivenPreset {
  @Field(() => PresetName, { description: 'Which experiment.' })
  preset: Name;

  @Field(() => DataInput, { description: 'Where rows come from.' })
  data: DataInput;

  @Field(() => TeacherInput, { description: 'The teacher; unless it is a finished run, it is fine-tuned first.' })
  teacher: TeacherInput;

  @Field(() => String, { nullable: true, description: 'Word vectors in GloVe format for the students; else random.' })
  vectors?: string | null;

  @Field(() => Float, {
    nullable: true,
    description: 'For a quick look: the share of train rows and of epochs, above 0. 1, the full size, when left out.',
  })
  scale?: number | null;

  @Field(() => [String], { nullable: true, description: "Names of the preset's variants to run; all when left out." })
  variants?: string[] | null;

  @Field(() => GraphQLJSONObject, {
    nullable: true,
    description: "Hyper-parameters by name in place of the preset's, such as `epochs`.",
  })
  parameters?: GivenParameters | null;

  @Field(() => [GraphQLSafeInt], {
    nullable: true,
    description: `One run of every variant each; ${defaultSeeds.join(', ')} when left out.`,
  })
  seeds?: number[] | null;

  @Field(() => String, { nullable: true, description: "Name; the preset's when left out." })
  name?: string | null;

  @Field(() => [String], { nullable: true, description: "Words to find it by, beside the preset's name." })
  tags?: string[] | null;

  @Field(() => String, { nullable: true, description: keyDescription })
  clientRequestId?: string | null;
}
