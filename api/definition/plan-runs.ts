import type { MethodName } from '../../contract/methods';
import { methods } from '../../contract/methods';
import {
  type Checked,
  type Problem,
  parseRunSpec,
  type RunSpec,
  type TeacherDefinition,
} from '../../contract/run-spec';
import { limits } from '../shared/limits';
import { checkDefinition, checkSizes, isMethod, reads } from './check-definition';
import {
  type ExperimentDefinition,
  type GivenParameters,
  pointLabel,
  type TeacherSource,
  teacherVariant,
} from './definition';
import type { PlannedRun } from './new-run';
import { drawPoints, randomSearchProblems } from './random-search';

/** One variant at one point of the grid, with the place in the definition that each hyper-parameter came from. */
interface VariantPoint {
  name: string;
  method: MethodName;
  path: string;
  parameters: GivenParameters;
  sources: Map<string, string>;
}

const standIn: VariantPoint = { name: 'kd', method: 'kd', path: 'variants', parameters: {}, sources: new Map() };

/**
 * Hyper-parameters of the experiment that its own teacher's fine-tuning takes too: which rows and which part of a row
 * there are. Others, such as epochs, mean the students.
 */
const parametersOfTheData = ['preprocessing', 'quizShare', 'devShare', 'splitSeed', 'trainShare', 'maxTokens'];

/**
 * The runs of an experiment: the teacher's fine-tuning first, then variants in the order given, the points of grid and
 * random search within, seeds within. Or everything that is wrong with the definition, at once.
 */
export function planRuns(definition: ExperimentDefinition, experimentId: string): Checked<PlannedRun[]> {
  const sizes = checkSizes(definition);
  if (sizes.length > 0) return { kind: 'invalid', problems: sizes };
  const problems = checkDefinition(definition);
  const finetune = definition.teacher?.finetune;
  const tooMany = checkCount(definition);
  // Before anything is expanded: the product of the axes could fill the memory.
  if (tooMany !== null) return { kind: 'invalid', problems: [...problems, tooMany] };
  const variantPoints = definition.variants.flatMap((variant, place) => pointsOf(definition, variant, place));
  // Without a variant that can be read, which was told, all else is checked by this one.
  const points = variantPoints.length > 0 ? variantPoints : [standIn];

  const runId = (position: number) => `${experimentId}-${String(position).padStart(4, '0')}`;
  const base = baseTeacher(definition.teacher);
  const models: TeacherDefinition | null = finetune ? { kind: 'run', runId: runId(0) } : base;
  const specOf = (point: VariantPoint, teacher: TeacherDefinition | null): Checked<RunSpec> =>
    resolve(definition, point, methods[point.method].needs.teacher !== 'none' ? teacher : null, experimentId);

  const teacherPoint = teacherPointOf(definition);
  const resolved = [
    ...(teacherPoint ? [{ seeds: [finetune?.seed ?? 0], checked: specOf(teacherPoint, base) }] : []),
    ...points.map((point) => ({ seeds: definition.seeds, checked: specOf(point, models) })),
  ];
  for (const { checked } of resolved) if (checked.kind === 'invalid') problems.push(...checked.problems);
  if (problems.length > 0) return { kind: 'invalid', problems: withoutRepeats(problems) };

  const specs = resolved.flatMap(({ seeds, checked }) =>
    checked.kind === 'valid' ? seeds.map((seed) => ({ ...checked.value, seed })) : [],
  );
  const tooLarge = checkSize(specs);
  if (tooLarge !== null) return { kind: 'invalid', problems: [tooLarge] };
  return {
    kind: 'valid',
    value: specs.map((spec, position) => ({
      spec: { ...spec, runId: runId(position) },
      dependsOn: spec.teacher?.kind === 'run' ? spec.teacher.runId : null,
    })),
  };
}

function checkSize(specs: readonly RunSpec[]): Problem | null {
  let bytes = 0;
  for (const spec of specs) {
    bytes += Buffer.byteLength(JSON.stringify(spec));
    // Not to the end: all together may have a gigabyte.
    if (bytes > limits.specBytesPerExperiment)
      return {
        path: 'variants',
        message: `the specs of ${specs.length} runs have more than ${limits.specBytesPerExperiment} bytes together: make several experiments`,
      };
  }
  return null;
}

function checkCount({ variants, grid, random, seeds, teacher }: ExperimentDefinition): Problem | null {
  const points = variants
    .map(({ method }) => {
      const axes = grid.filter(({ parameter }) => reads(method, parameter));
      const isDrawn = random?.space.some(({ parameter }) => reads(method, parameter)) ?? false;
      // Empty axes are reported by the definition's own checks and make no points.
      return axes.reduce(
        (product, { values }) => product * Math.max(1, values.length),
        isDrawn ? Math.max(1, random!.samples) : 1,
      );
    })
    .reduce((sum, count) => sum + count, 0);
  const count = points * Math.max(1, seeds.length) + (teacher?.finetune ? 1 : 0);
  if (count <= limits.runsPerExperiment) return null;
  const sum = `${points} points of variants, grid and random search x ${seeds.length} seeds`;
  return {
    path: grid.length > 0 ? 'grid' : random ? 'random' : 'variants',
    message: `${sum} make ${count} runs, at most ${limits.runsPerExperiment} are allowed: give fewer values, samples or seeds`,
  };
}

/** Where the weights come from before any fine-tuning; null where none or several places are given. */
function baseTeacher(teacher: TeacherSource | null): TeacherDefinition | null {
  if (teacher?.folder !== undefined) return { kind: 'folder', location: teacher.folder };
  if (teacher?.run !== undefined) return { kind: 'run', runId: teacher.run };
  if (teacher?.labels !== undefined) return { kind: 'labels', ...teacher.labels } as TeacherDefinition;
  // The contract fills in the sizes that are left out.
  if (teacher?.random !== undefined) return { kind: 'random', ...teacher.random } as TeacherDefinition;
  return null;
}

function teacherPointOf({ teacher, parameters }: ExperimentDefinition): VariantPoint | null {
  const finetune = teacher?.finetune;
  if (!finetune || !isMethod(finetune.method)) return null;
  const shared = Object.entries(parameters).filter(([name]) => parametersOfTheData.includes(name));
  const path = 'teacher.finetune';
  return {
    name: teacherVariant,
    method: finetune.method,
    path,
    parameters: { ...Object.fromEntries(shared), ...finetune.parameters },
    sources: new Map([
      ...shared.map(([name]) => [name, `parameters.${name}`] as const),
      ...Object.keys(finetune.parameters).map((name) => [name, `${path}.parameters.${name}`] as const),
    ]),
  };
}

/**
 * A variant at every point of what varies and it reads: the axes of the grid, then the points drawn at random. The name
 * says which, as the groups are told apart by it.
 */
function pointsOf(
  definition: ExperimentDefinition,
  variant: ExperimentDefinition['variants'][number],
  place: number,
): VariantPoint[] {
  const { method } = variant;
  if (!isMethod(method)) return [];
  const path = `variants.${place}`;
  const shared = Object.entries(definition.parameters).filter(([name]) => reads(method, name));
  const start: VariantPoint = {
    name: variant.name,
    method,
    path,
    parameters: { ...Object.fromEntries(shared), ...variant.parameters },
    sources: new Map([
      ...shared.map(([name]) => [name, `parameters.${name}`] as const),
      ...Object.keys(variant.parameters).map((name) => [name, `${path}.parameters.${name}`] as const),
    ]),
  };
  return choicesOf(definition, method).map((choices, number) => ({
    ...start,
    name: pointName(variant.name, choices, number),
    parameters: {
      ...start.parameters,
      ...Object.fromEntries(choices.map(({ parameter, value }) => [parameter, value])),
    },
    sources: new Map([...start.sources, ...choices.map(({ parameter, source }) => [parameter, source] as const)]),
  }));
}

/** A value that a hyper-parameter takes at a point, and where in the definition it is from. */
interface Choice {
  parameter: string;
  value: unknown;
  source: string;
}

/** All points of the grid and of the random search for a method; one without any choice where it reads none of them. */
function choicesOf({ grid, random }: ExperimentDefinition, method: MethodName): Choice[][] {
  const axes = grid.flatMap(({ parameter, values }, place) =>
    // An axis without values, told of elsewhere, would leave no point on which to check the rest.
    !reads(method, parameter) || values.length === 0
      ? []
      : [values.map((value, number): Choice[] => [{ parameter, value, source: `grid.${place}.values.${number}` }])],
  );
  const drawn = drawnChoices(random ?? null, method);
  return [...axes, ...(drawn.length > 0 ? [drawn] : [])].reduce<Choice[][]>(
    (points, axis) => points.flatMap((point) => axis.map((choices) => [...point, ...choices])),
    [[]],
  );
}

/** The points of the random search as far as a method reads them; of those that then are alike only one. */
function drawnChoices(random: ExperimentDefinition['random'], method: MethodName): Choice[][] {
  if (!random || randomSearchProblems(random).length > 0) return [];
  const dimensions = random.space.flatMap(({ parameter }, place) =>
    reads(method, parameter) ? [{ parameter, source: `random.space.${place}` }] : [],
  );
  if (dimensions.length === 0) return [];
  const points = drawPoints(random).map((point) =>
    dimensions.map(({ parameter, source }): Choice => ({ parameter, value: point[parameter], source })),
  );
  const texts = points.map((choices) => JSON.stringify(choices));
  return points.filter((_, place) => texts.indexOf(texts[place]!) === place);
}

/** The longest name of a variant that a run takes. */
const nameLimit = 100;

function pointName(variant: string, choices: readonly Choice[], number: number): string {
  if (choices.length === 0) return variant;
  const labels = choices.map(
    ({ parameter, value }) => `${parameter}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const name = pointLabel(variant, labels.join(', '));
  return name.length <= nameLimit ? name : pointLabel(variant, `point ${number + 1}`);
}

/** The spec of a point for seed 0, or what is wrong with it, told by where in the definition it was given. */
function resolve(
  { data, vectors, execution, selectBy }: ExperimentDefinition,
  { name, method, parameters, path, sources }: VariantPoint,
  teacher: TeacherDefinition | null,
  experimentId: string,
): Checked<RunSpec> {
  const known = Object.fromEntries(Object.entries(parameters).filter(([parameter]) => reads(method, parameter)));
  const input = {
    runId: experimentId,
    experimentId,
    variant: name,
    method,
    data,
    teacher,
    vectors: methods[method].trains === 'student' ? vectors : null,
    parameters: known,
    selectBy,
    execution,
  };
  const checked = parseRunSpec(input);
  if (checked.kind === 'valid') return checked;
  return {
    kind: 'invalid',
    // Whether a teacher is there at all is told once for the whole definition.
    problems: checked.problems
      .filter((problem) => !(problem.path === 'teacher' && teacher === null))
      .map(({ path: place, message }) => ({
        path: pathInDefinition(place, path, sources, teacher?.kind),
        message,
      })),
  };
}

function pathInDefinition(
  path: string,
  variantPath: string,
  sources: Map<string, string>,
  teacherKind: TeacherDefinition['kind'] | undefined,
): string {
  const [first, second = '', ...rest] = path.split('.');
  if (first === 'parameters') return [sources.get(second) ?? `${variantPath}.parameters.${second}`, ...rest].join('.');
  if (first === 'variant') return `${variantPath}.name`;
  if (first === 'method') return `${variantPath}.method`;
  if (teacherKind === 'labels' && first === 'teacher')
    return second === 'kind' ? 'teacher.labels' : ['teacher.labels', second, ...rest].join('.');
  if (path === 'teacher.location') return 'teacher.folder';
  if (path === 'teacher.runId') return 'teacher.run';
  if (first === 'teacher' && second !== '') return `teacher.random.${second}`;
  return path;
}

function withoutRepeats(problems: Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const key = `${path} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}
