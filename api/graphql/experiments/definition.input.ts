import { GraphQLJSON, GraphQLJSONObject, GraphQLSafeInt } from 'graphql-scalars';
import { Field, Float, ID, InputType, Int, registerEnumType } from 'type-graphql';
import {
  type Capacity as CapacityName,
  type Compute,
  computeSchema,
  gpuNames,
  gpuTypes,
} from '../../../contract/compute';
import { executionSchema, labelsTeacherSchema } from '../../../contract/run-spec';
import {
  defaultSeeds,
  type GivenDefinition,
  type GivenParameters,
  type GivenTeacher,
} from '../../definition/definition';
import { limits } from '../../shared/limits';
import { HalvingInput, RandomSearchInput } from './search.input';

export const EngineChoice = { auto: 'auto', native: 'native', portable: 'portable' } as const;
registerEnumType(EngineChoice, {
  name: 'EngineChoice',
  description: 'Which engine carries runs out; it changes no result beyond rounding.',
  valuesConfig: {
    auto: { description: 'Native where it is installed, else portable.' },
    native: { description: 'TensorFlow; an error where it is not installed.' },
    portable: { description: 'WebAssembly: runs wherever the service runs.' },
  },
});

export const DeviceChoice = { auto: 'auto', cpu: 'cpu', gpu: 'gpu' } as const;
registerEnumType(DeviceChoice, {
  name: 'DeviceChoice',
  description: 'Which device runs are carried out on.',
  valuesConfig: {
    auto: { description: 'A GPU where there is one.' },
    cpu: { description: 'The processor.' },
    gpu: { description: 'A GPU; an error where none is found.' },
  },
});

@InputType({
  description:
    'Where rows come from: an absolute path, `s3://bucket/path`, or `hf:owner/name/path` on the Hugging Face hub.',
})
export class DataInput {
  @Field(() => String, { description: 'Train file (.csv, .jsonl); quiz and dev rows are taken from it.' })
  train: string;

  @Field(() => String, { description: 'Test file; it selects nothing.' })
  test: string;

  @Field(() => String, { nullable: true, description: 'Column or field with the text; `text` when left out.' })
  textColumn?: string | null;

  @Field(() => String, { nullable: true, description: 'Column or field with the class; `label` when left out.' })
  labelColumn?: string | null;

  @Field(() => [String], {
    nullable: true,
    description: 'Labels in the order of the logits; those of the train file, sorted, when left out.',
  })
  classes?: string[] | null;
}

@InputType({ description: 'A BERT encoder with random weights, and a vocabulary made from the train rows.' })
export class RandomTeacherInput {
  @Field(() => Int, { nullable: true, description: 'Encoder layers; 2 when left out.' })
  layers?: number | null;

  @Field(() => Int, { nullable: true, description: 'Width; 128 when left out.' })
  hidden?: number | null;

  @Field(() => Int, { nullable: true, description: 'Attention heads, which must divide the width; 2 when left out.' })
  heads?: number | null;

  @Field(() => Int, { nullable: true, description: 'Width of the feed-forward part; 512 when left out.' })
  intermediate?: number | null;
}

@InputType({
  description:
    "The experiment's own teacher: one run, made first (variant `teacher`), whose model all other runs take. Of the experiment's parameters it takes those about the data.",
})
export class FinetuneInput {
  @Field(() => String, { nullable: true, description: '`finetune` (when left out) or `finetune-lora`.' })
  method?: string | null;

  @Field(() => GraphQLSafeInt, { nullable: true, description: 'Its seed; 0 when left out.' })
  seed?: number | null;

  @Field(() => GraphQLJSONObject, { nullable: true, description: 'Its hyper-parameters by name.' })
  parameters?: GivenParameters | null;
}

const labelsText = (name: keyof typeof labelsTeacherSchema.shape): string =>
  labelsTeacherSchema.shape[name].description ?? '';

@InputType({
  description:
    'A file of what a model of any kind says of the train rows, for methods that read no more of a teacher than its logits.',
})
export class LabelsTeacherInput {
  @Field(() => String, { description: labelsText('location') })
  location: string;

  @Field(() => String, {
    nullable: true,
    description: `${labelsText('gives')} \`label\` (when left out), \`probabilities\` or \`logits\`.`,
  })
  gives?: string | null;

  @Field(() => [String], { nullable: true, description: labelsText('columns') })
  columns?: string[] | null;

  @Field(() => String, { nullable: true, description: `${labelsText('matchBy')} \`text\` (when left out) or \`row\`.` })
  matchBy?: string | null;

  @Field(() => String, { nullable: true, description: labelsText('matchColumn') })
  matchColumn?: string | null;
}

@InputType({ description: 'Where the teacher comes from: exactly one of folder, random, run and labels.' })
export class TeacherInput implements GivenTeacher {
  @Field(() => String, {
    nullable: true,
    description:
      'A Hugging Face folder: an absolute path, `s3://bucket/path`, or `hf:owner/name` (optionally `@revision`).',
  })
  folder?: string | null;

  @Field(() => RandomTeacherInput, { nullable: true, description: 'Random weights of a given size.' })
  random?: RandomTeacherInput | null;

  @Field(() => ID, { nullable: true, description: 'A fine-tuning run that has succeeded.' })
  run?: string | null;

  @Field(() => LabelsTeacherInput, { nullable: true, description: 'A file of what another model says.' })
  labels?: LabelsTeacherInput | null;

  @Field(() => FinetuneInput, { nullable: true, description: 'Fine-tune it first, as a run of this experiment.' })
  finetune?: FinetuneInput | null;
}

@InputType({ description: 'Where a model of a variant comes from: exactly one of variant, run, folder and random.' })
export class VariantModelInput {
  @Field(() => String, {
    nullable: true,
    description:
      'Name of another variant of the experiment, or `teacher`, the one that is fine-tuned first: its run with the same seed, for which this one waits.',
  })
  variant?: string | null;

  @Field(() => ID, { nullable: true, description: 'A run that has succeeded.' })
  run?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'A Hugging Face folder: an absolute path, `s3://bucket/path`, or `hf:owner/name` (optionally `@revision`).',
  })
  folder?: string | null;

  @Field(() => RandomTeacherInput, {
    nullable: true,
    description: 'A transformer of a given size with random weights.',
  })
  random?: RandomTeacherInput | null;
}

@InputType({ description: 'One way to train that is compared with the others.' })
export class VariantInput {
  @Field(() => String, { description: 'Name, unique in the experiment.' })
  name: string;

  @Field(() => String, { description: 'Name of the method; the query `methods` lists them.' })
  method: string;

  @Field(() => GraphQLJSONObject, {
    nullable: true,
    description:
      'Hyper-parameters by name, before those of the experiment; a name the method does not read is refused.',
  })
  parameters?: GivenParameters | null;

  @Field(() => VariantModelInput, { nullable: true, description: "Its teacher; the experiment's when left out." })
  teacher?: VariantModelInput | null;

  @Field(() => VariantModelInput, {
    nullable: true,
    description: 'The model it begins with; a new BiLSTM when left out.',
  })
  student?: VariantModelInput | null;
}

@InputType({
  description: 'All values of one hyper-parameter, for every variant that reads it, combined with all other axes.',
})
export class GridAxisInput {
  @Field(() => String, { description: 'Name of the hyper-parameter.' })
  parameter: string;

  @Field(() => [GraphQLJSON], { description: 'Its values; they become part of the name of the variant.' })
  values: unknown[];
}

const executionText = (name: keyof typeof executionSchema.shape, otherwise: string): string =>
  `${executionSchema.shape[name].description ?? ''} ${otherwise} when left out.`.trim();

@InputType({ description: 'How runs are carried out; nothing here changes what they compute.' })
export class ExecutionInput {
  @Field(() => EngineChoice, { nullable: true, description: 'Which engine; auto when left out.' })
  engine?: keyof typeof EngineChoice | null;

  @Field(() => DeviceChoice, { nullable: true, description: 'Which device; auto when left out.' })
  device?: keyof typeof DeviceChoice | null;

  @Field(() => Int, { nullable: true, description: executionText('threads', 'Its share') })
  threads?: number | null;

  @Field(() => Int, { nullable: true, description: executionText('logEverySteps', '10') })
  logEverySteps?: number | null;

  @Field(() => Float, { nullable: true, description: executionText('checkpointSeconds', '60') })
  checkpointSeconds?: number | null;
}

export const Capacity = { spot: 'spot', onDemand: 'on-demand' } as const;
registerEnumType(Capacity, {
  name: 'Capacity',
  description: 'How machines are bought.',
  valuesConfig: {
    spot: { description: 'Cheap, and may be taken away; the run goes on from its checkpoint.' },
    onDemand: { description: 'At the list price, and kept until the run is over.' },
  },
});

export const GpuType = Object.fromEntries(gpuTypes.map((name) => [name, name])) as Record<Compute['gpu'], string>;
registerEnumType(GpuType, {
  name: 'GpuType',
  description: 'Kinds of GPU machine, by their EC2 family.',
  valuesConfig: Object.fromEntries(gpuTypes.map((name) => [name, { description: gpuNames[name] }])),
});

@InputType({ description: 'On which machines runs are carried out, on AWS; one machine takes what it is.' })
export class ComputeInput {
  @Field(() => Capacity, {
    nullable: true,
    description: `${computeSchema.shape.capacity.description} Spot when left out.`,
  })
  capacity?: CapacityName | null;

  @Field(() => GpuType, { nullable: true, description: `${computeSchema.shape.gpu.description} g5 when left out.` })
  gpu?: Compute['gpu'] | null;

  @Field(() => Int, {
    nullable: true,
    description: `${computeSchema.shape.timeoutSeconds.description} 86,400 when left out.`,
  })
  timeoutSeconds?: number | null;
}

export const selectByDescription =
  'Metric on dev that selects the model of a run, judges runs in `halving` and chooses the point of a search, such as `dev/macro-f1`; `dev/accuracy` when left out.';
export const maxCostDescription =
  'USD beyond which it launches nothing more, all attempts counted, those at work too; no limit when left out.';
/** Of the field by which a request is known when it comes again. */
export const launchDescription = 'Launch it in the same step.';
export const keyDescription =
  'Your own id of this request: sent again within 30 days with the same body it gives the same answer, with another it is refused.';

/** Settings of all runs of an experiment, whether its variants are given or come from a preset. */
@InputType()
export abstract class RunSettingsInput {
  @Field(() => String, { nullable: true, description: selectByDescription })
  selectBy?: string | null;

  @Field(() => ExecutionInput, { nullable: true, description: 'How runs are carried out.' })
  execution?: ExecutionInput | null;

  @Field(() => ComputeInput, { nullable: true, description: 'On which machines.' })
  compute?: ComputeInput | null;

  @Field(() => Float, { nullable: true, description: maxCostDescription })
  maxCost?: number | null;
}

/** Settings of an experiment whose variants are given. */
@InputType()
abstract class SearchedRunSettingsInput extends RunSettingsInput {
  @Field(() => [GridAxisInput], { nullable: true, description: 'Hyper-parameters tried with several values.' })
  grid?: GridAxisInput[] | null;

  @Field(() => RandomSearchInput, {
    nullable: true,
    description: 'Hyper-parameters tried with values drawn at random.',
  })
  random?: RandomSearchInput | null;

  @Field(() => HalvingInput, { nullable: true, description: 'Stops runs that fall behind; none is when left out.' })
  halving?: HalvingInput | null;
}

@InputType({
  description: `An experiment: variants x grid x random points x seeds, at most ${limits.runsPerExperiment} runs.`,
})
export class ExperimentInput extends SearchedRunSettingsInput implements GivenDefinition {
  @Field(() => String, { description: 'Name.' })
  name: string;

  @Field(() => String, { nullable: true, description: 'What it is to find out.' })
  question?: string | null;

  @Field(() => DataInput, { description: 'Where rows come from.' })
  data: DataInput;

  @Field(() => TeacherInput, { nullable: true, description: 'The teacher; only scratch can do without.' })
  teacher?: TeacherInput | null;

  @Field(() => String, { nullable: true, description: 'Word vectors in GloVe format for the students; else random.' })
  vectors?: string | null;

  @Field(() => GraphQLJSONObject, {
    nullable: true,
    description: 'Hyper-parameters by name, for every variant that reads them; a name that none reads is refused.',
  })
  parameters?: GivenParameters | null;

  @Field(() => [VariantInput], { description: 'What is compared.' })
  variants: VariantInput[];

  @Field(() => [GraphQLSafeInt], {
    nullable: true,
    description: `One run of every variant each; ${defaultSeeds.join(', ')} when left out.`,
  })
  seeds?: number[] | null;

  @Field(() => [String], { nullable: true, description: 'Words to find it by.' })
  tags?: string[] | null;

  @Field(() => String, { nullable: true, description: keyDescription })
  clientRequestId?: string | null;
}

@InputType({ description: 'Parts of a definition; each replaces the whole part of the original.' })
export class DefinitionChangesInput extends SearchedRunSettingsInput {
  @Field(() => String, { nullable: true, description: 'What it is to find out.' })
  question?: string | null;

  @Field(() => DataInput, { nullable: true, description: 'Where rows come from.' })
  data?: DataInput | null;

  @Field(() => TeacherInput, { nullable: true, description: 'The teacher.' })
  teacher?: TeacherInput | null;

  @Field(() => String, { nullable: true, description: 'Word vectors for the students.' })
  vectors?: string | null;

  @Field(() => GraphQLJSONObject, { nullable: true, description: 'Hyper-parameters for every variant.' })
  parameters?: GivenParameters | null;

  @Field(() => [VariantInput], { nullable: true, description: 'What is compared.' })
  variants?: VariantInput[] | null;

  @Field(() => [GraphQLSafeInt], { nullable: true, description: 'Seeds.' })
  seeds?: number[] | null;

  @Field(() => [String], { nullable: true, description: 'Words to find it by.' })
  tags?: string[] | null;
}

@InputType({ description: 'A copy of an experiment under another name, with changes.' })
export class CloneExperimentInput {
  @Field(() => ID, { description: 'The experiment to copy.' })
  id: string;

  @Field(() => String, { description: 'Name of the copy.' })
  name: string;

  @Field(() => DefinitionChangesInput, { nullable: true, description: 'What is different in the copy.' })
  changes?: DefinitionChangesInput | null;

  @Field(() => String, { nullable: true, description: keyDescription })
  clientRequestId?: string | null;
}

@InputType({ description: 'A remark on exactly one of an experiment and a run.' })
export class NoteInput {
  @Field(() => ID, { nullable: true, description: 'The experiment it is about.' })
  experimentId?: string | null;

  @Field(() => ID, { nullable: true, description: 'The run it is about.' })
  runId?: string | null;

  @Field(() => String, { description: 'What it says.' })
  text: string;

  @Field(() => String, { nullable: true, description: keyDescription })
  clientRequestId?: string | null;
}
