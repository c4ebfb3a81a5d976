import type { ParameterOverrides } from '../../contract/parameters';
import { type Preset, type PresetName, presets, scaledEpochs } from '../../contract/presets';
import type { Checked, Problem } from '../../contract/run-spec';
import { completeDefinition, type GivenDefinition, type GivenParameters, type GivenTeacher } from './definition';
import { planRuns } from './plan-runs';

/** What a client gives to launch a preset by its name; the rest is the preset's. */
export interface GivenPreset {
  preset: PresetName;
  data: object;
  teacher: GivenTeacher;
  vectors?: string | null;
  /** Share of the train rows and of the epochs; 1: full size. */
  scale?: number | null;
  /** Names of those variants that are wanted; all when left out. */
  variants?: string[] | null;
  /** Hyper-parameters that take the place of the preset's. */
  parameters?: GivenParameters | null;
  seeds?: number[] | null;
  name?: string | null;
  /** Metric on dev that selects the models; accuracy when left out. */
  selectBy?: string | null;
  execution?: object | null;
  compute?: object | null;
  maxCost?: number | null;
  tags?: string[] | null;
}

/** A preset as the definition of an experiment, or what is wrong with the request: with its choices and all that is beside them. */
export function checkedPreset(given: GivenPreset): Checked<GivenDefinition> {
  const problems = presetProblems(given);
  if (problems.length === 0) return { kind: 'valid', value: definitionOfPreset(given) };
  const otherwise = completeDefinition(definitionOfPreset({ ...given, scale: null, variants: null }));
  const planned = planRuns(otherwise, 'planned');
  return { kind: 'invalid', problems: [...problems, ...(planned.kind === 'invalid' ? planned.problems : [])] };
}

function presetProblems({ preset, scale, variants }: GivenPreset): Problem[] {
  const known = presets[preset].variants.map(({ name }) => name);
  return [
    ...(scale != null && !(scale > 0 && scale <= 1)
      ? [{ path: 'scale', message: `${scale} must be above 0 and at most 1, the full size` }]
      : []),
    ...(variants ?? []).flatMap((name, place) =>
      known.includes(name)
        ? []
        : [{ path: `variants.${place}`, message: `${preset} has no variant "${name}"; it has ${known.join(', ')}` }],
    ),
  ];
}

/** A teacher that is no finished run is fine-tuned first. */
function definitionOfPreset(given: GivenPreset): GivenDefinition {
  const preset = presets[given.preset];
  const scale = given.scale ?? 1;
  const parameters = given.parameters ?? {};
  const wanted = given.variants ?? preset.variants.map(({ name }) => name);
  return {
    name: given.name ?? `${preset.name}: ${preset.title.toLowerCase()}${scale < 1 ? ` (scale ${scale})` : ''}`,
    question: preset.question,
    data: given.data,
    teacher: given.teacher.run == null ? { ...given.teacher, finetune: given.teacher.finetune ?? {} } : given.teacher,
    vectors: given.vectors ?? null,
    parameters: { ...scaledParameters(preset.parameters, scale), ...shareOfRows(scale), ...parameters },
    variants: preset.variants
      .filter(({ name }) => wanted.includes(name))
      .map(({ name, method, parameters: own }) => ({
        name,
        method,
        parameters: without(scaledParameters(own, scale), Object.keys(parameters)),
      })),
    seeds: given.seeds ?? null,
    grid: sweepOf(preset),
    selectBy: given.selectBy ?? null,
    execution: given.execution ?? null,
    compute: given.compute ?? null,
    maxCost: given.maxCost ?? null,
    // Behind those that were given, so that a problem with one is told by its own place.
    tags: [...(given.tags ?? []).filter((tag) => tag !== preset.name), preset.name],
    preset: { name: preset.name, scale },
  };
}

const shareOfRows = (scale: number): ParameterOverrides => (scale < 1 ? { trainShare: scale } : {});

const sweepOf = ({ sweep }: Preset) =>
  sweep === null ? [] : [{ parameter: sweep.parameter, values: [...sweep.values] }];

function scaledParameters(parameters: ParameterOverrides, scale: number): ParameterOverrides {
  return parameters.epochs === undefined
    ? parameters
    : { ...parameters, epochs: scaledEpochs(parameters.epochs, scale) };
}

function without(parameters: ParameterOverrides, names: readonly string[]): GivenParameters {
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => !names.includes(name)));
}
