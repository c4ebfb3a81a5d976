import type { z } from 'zod';
import { type Compute, computeSchema } from '../../contract/compute';
import { defaultSelectBy } from '../../contract/metrics';
import type { PresetName } from '../../contract/presets';
import type { labelsTeacherSchema, RunSpecInput } from '../../contract/run-spec';
import type { RandomSearch, SearchDimension } from './random-search';
import type { Halving } from './successive-halving';

/** Name of the variant that fine-tunes the experiment's own teacher. */
export const teacherVariant = 'teacher';

/** The name of a variant at one point of a search. */
export const pointLabel = (variant: string, point: string): string => `${variant} [${point}]`;

/** The variant of a definition that a run of this name is a point of. */
export function baseVariant({ variants }: Pick<ExperimentDefinition, 'variants'>, name: string): string {
  const candidates = variants
    .map((variant) => variant.name)
    .filter((base) => name === base || (name.startsWith(pointLabel(base, '').slice(0, -1)) && name.endsWith(']')));
  return candidates.reduce((longest, base) => (base.length > longest.length ? base : longest), candidates[0] ?? name);
}

/** An experiment as a person defines it, before variants, grid and seeds become runs. Stored as given. */
export interface ExperimentDefinition {
  name: string;
  question: string;
  data: RunSpecInput['data'];
  teacher: ExperimentTeacher | null;
  vectors: string | null;
  /** Hyper-parameters for every variant that reads them. */
  parameters: GivenParameters;
  variants: VariantDefinition[];
  seeds: number[];
  grid: GridAxis[];
  /** Points drawn at random beside those of the grid. Missing in definitions of earlier versions, as is `halving`. */
  random?: RandomSearch | null;
  /** Whether runs that fall behind are stopped; null: none is. */
  halving?: Halving | null;
  /** Metric on dev that selects the model of a run. Missing in definitions of earlier versions: accuracy. */
  selectBy?: string;
  execution: NonNullable<RunSpecInput['execution']>;
  /** On which machines, where there is a choice. Missing in definitions of earlier versions. */
  compute?: Partial<Compute>;
  /** USD beyond which it launches nothing more; null: no limit. Missing in definitions of earlier versions. */
  maxCost?: number | null;
  tags: string[];
  /** The preset it was made of and at which share of its full size; null: none. */
  preset: { name: PresetName; scale: number } | null;
}

/** Hyper-parameters by name, not checked yet. */
export type GivenParameters = Record<string, unknown>;

/** `teacher` and `student` are left out where the variant takes the experiment's teacher and a new BiLSTM. */
export interface VariantDefinition {
  name: string;
  method: string;
  parameters: GivenParameters;
  teacher?: VariantModel;
  student?: VariantModel;
}

/** Exactly one of: the run of another variant with the same seed, a run, a folder, random weights of a size. */
export interface VariantModel {
  variant?: string;
  run?: string;
  folder?: string;
  random?: RandomSize;
}

interface RandomSize {
  layers?: number;
  hidden?: number;
  heads?: number;
  intermediate?: number;
}

/** All `values` of one hyper-parameter, combined with those of every other axis. */
export interface GridAxis {
  parameter: string;
  values: unknown[];
}

/** Exactly one of folder, random, run and labels; with `finetune` it is what the experiment's own teacher starts from. */
export interface ExperimentTeacher {
  folder?: string | undefined;
  random?: RandomSize | undefined;
  run?: string | undefined;
  labels?: Omit<z.input<typeof labelsTeacherSchema>, 'kind'> | undefined;
  finetune?: FinetuneDefinition | undefined;
}

export interface FinetuneDefinition {
  method: string;
  seed: number;
  parameters: GivenParameters;
}

export const defaultSeeds = [0, 1, 2, 3, 4];

/** A definition as it comes from a client: what is left out or null takes its default. */
export interface GivenDefinition {
  name: string;
  question?: string | null;
  data: object;
  teacher?: GivenTeacher | null;
  vectors?: string | null;
  parameters?: GivenParameters | null;
  variants: {
    name: string;
    method: string;
    parameters?: GivenParameters | null;
    teacher?: GivenVariantModel | null;
    student?: GivenVariantModel | null;
  }[];
  seeds?: number[] | null;
  grid?: GridAxis[] | null;
  random?: { samples: number; seed?: number | null; space: SearchDimension[] } | null;
  halving?: Halving | null;
  selectBy?: string | null;
  execution?: object | null;
  compute?: object | null;
  maxCost?: number | null;
  tags?: string[] | null;
  preset?: ExperimentDefinition['preset'];
}

export interface GivenVariantModel {
  variant?: string | null;
  run?: string | null;
  folder?: string | null;
  random?: object | null;
}

export interface GivenTeacher {
  folder?: string | null;
  random?: object | null;
  run?: string | null;
  labels?: object | null;
  finetune?: { method?: string | null; seed?: number | null; parameters?: GivenParameters | null } | null;
}

/** Fills in what is left out of a definition. */
export function completeDefinition(given: GivenDefinition): ExperimentDefinition {
  return {
    name: given.name,
    question: given.question ?? '',
    data: withoutNulls(given.data) as ExperimentDefinition['data'],
    teacher: given.teacher ? completeTeacher(given.teacher) : null,
    vectors: given.vectors ?? null,
    parameters: given.parameters ?? {},
    variants: given.variants.map(completeVariant),
    seeds: given.seeds ?? defaultSeeds,
    grid: (given.grid ?? []).map(({ parameter, values }) => ({ parameter, values })),
    random: given.random
      ? { samples: given.random.samples, seed: given.random.seed ?? 0, space: given.random.space.map(withoutNulls) }
      : null,
    halving: given.halving ? { minEpochs: given.halving.minEpochs, reduction: given.halving.reduction } : null,
    selectBy: given.selectBy ?? defaultSelectBy,
    execution: withoutNulls(given.execution ?? {}) as ExperimentDefinition['execution'],
    compute: withoutNulls(given.compute ?? {}) as Partial<Compute>,
    maxCost: given.maxCost ?? null,
    tags: given.tags ?? [],
    preset: given.preset ?? null,
  };
}

function completeVariant({
  name,
  method,
  parameters,
  teacher,
  student,
}: GivenDefinition['variants'][number]): VariantDefinition {
  const model = ({ random, ...given }: GivenVariantModel): VariantModel => ({
    ...(withoutNulls(given) as VariantModel),
    ...(random != null && { random: withoutNulls(random) }),
  });
  return {
    name,
    method,
    parameters: parameters ?? {},
    ...(teacher != null && { teacher: model(teacher) }),
    ...(student != null && { student: model(student) }),
  };
}

/** The metric that selects the models of a stored definition's runs. */
export const selectByOf = (definition: string): string =>
  (JSON.parse(definition) as Partial<ExperimentDefinition>).selectBy ?? defaultSelectBy;

/** The machines for the runs of a stored definition, defaults filled in. */
export const computeOf = (definition: string): Compute =>
  computeSchema.parse((JSON.parse(definition) as Partial<ExperimentDefinition>).compute ?? {});

function completeTeacher({ folder, random, run, labels, finetune }: GivenTeacher): ExperimentTeacher {
  return {
    ...(folder != null && { folder }),
    ...(random != null && { random: withoutNulls(random) }),
    ...(run != null && { run }),
    ...(labels != null && { labels: withoutNulls(labels) as NonNullable<ExperimentTeacher['labels']> }),
    ...(finetune != null && {
      finetune: {
        method: finetune.method ?? 'finetune',
        seed: finetune.seed ?? 0,
        parameters: finetune.parameters ?? {},
      },
    }),
  };
}

function withoutNulls<T extends object>(given: T): T {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined)) as T;
}
