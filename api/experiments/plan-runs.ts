import type { MethodName } from '../../contract/methods';
import { methods } from '../../contract/methods';
import {
  type Checked,
  type Problem,
  parseRunSpec,
  type RunSpec,
  type TeacherDefinition,
} from '../../contract/run-spec';
import { limits } from '../limits';
import type { PlannedRun } from '../runs/new-run';
import { checkDefinition, isMethod, reads } from './check-definition';
import { type ExperimentDefinition, type GivenParameters, type TeacherSource, teacherVariant } from './definition';

/** One variant at one point of the grid, with the place in the definition that each hyper-parameter came from. */
interface VariantPoint {
  name: string;
  method: MethodName;
  path: string;
  parameters: GivenParameters;
  sources: Map<string, string>;
}

/**
 * Hyper-parameters of the experiment that its own teacher's fine-tuning takes too: which rows and which part of a row
 * there are. Others, such as epochs, mean the students.
 */
const parametersOfTheData = ['preprocessing', 'quizShare', 'devShare', 'splitSeed', 'trainShare', 'maxTokens'];

/**
 * The runs of an experiment: the teacher's fine-tuning first, then variants in the order given, the points of the grid
 * within, seeds within. Or everything that is wrong with the definition, at once.
 */
export function planRuns(definition: ExperimentDefinition, experimentId: string): Checked<PlannedRun[]> {
  const problems = checkDefinition(definition);
  const finetune = definition.teacher?.finetune;
  const tooMany = checkCount(definition);
  // Before anything is expanded: the product of the axes could fill the memory.
  if (tooMany !== null) return { kind: 'invalid', problems: [...problems, tooMany] };
  const points = definition.variants.flatMap((variant, place) => pointsOf(definition, variant, place));

  const runId = (position: number) => `${experimentId}-${String(position).padStart(4, '0')}`;
  const base = baseTeacher(definition.teacher);
  const models: TeacherDefinition | null = finetune ? { kind: 'run', runId: runId(0) } : base;
  const specOf = (point: VariantPoint, teacher: TeacherDefinition | null): Checked<RunSpec> =>
    resolve(definition, point, methods[point.method].needsTeacher ? teacher : null, experimentId);

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
  const bytes = specs.reduce((sum, spec) => sum + Buffer.byteLength(JSON.stringify(spec)), 0);
  if (bytes <= limits.specBytesPerExperiment) return null;
  return {
    path: 'variants',
    message: `the specs of ${specs.length} runs have ${bytes} bytes together, at most ${limits.specBytesPerExperiment} are allowed: make several experiments`,
  };
}

function checkCount({ variants, grid, seeds, teacher }: ExperimentDefinition): Problem | null {
  const points = variants
    .map(({ method }) => grid.filter(({ parameter }) => reads(method, parameter)))
    .reduce((sum, axes) => sum + axes.reduce((product, { values }) => product * values.length, 1), 0);
  const count = points * seeds.length + (teacher?.finetune ? 1 : 0);
  if (count <= limits.runsPerExperiment) return null;
  const sum = `${points} variants and grid points x ${seeds.length} seeds`;
  return {
    path: grid.length > 0 ? 'grid' : 'variants',
    message: `${sum} make ${count} runs, at most ${limits.runsPerExperiment} are allowed: give fewer values or seeds`,
  };
}

/** Where the weights come from before any fine-tuning; null where none or several places are given. */
function baseTeacher(teacher: TeacherSource | null): TeacherDefinition | null {
  if (teacher?.folder !== undefined) return { kind: 'folder', location: teacher.folder };
  if (teacher?.run !== undefined) return { kind: 'run', runId: teacher.run };
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

/** A variant at every point of those axes of the grid that it reads; the name says which, as the groups are told apart by it. */
function pointsOf(
  { grid, parameters }: ExperimentDefinition,
  variant: ExperimentDefinition['variants'][number],
  place: number,
): VariantPoint[] {
  const { method } = variant;
  if (!isMethod(method)) return [];
  const path = `variants.${place}`;
  const shared = Object.entries(parameters).filter(([name]) => reads(method, name));
  const start: VariantPoint & { labels: string[] } = {
    name: variant.name,
    method,
    path,
    parameters: { ...Object.fromEntries(shared), ...variant.parameters },
    sources: new Map([
      ...shared.map(([name]) => [name, `parameters.${name}`] as const),
      ...Object.keys(variant.parameters).map((name) => [name, `${path}.parameters.${name}`] as const),
    ]),
    labels: [],
  };
  // An axis without values, told of elsewhere, would leave no point on which to check the rest.
  const axes = grid
    .map((axis, axisPlace) => ({ ...axis, axisPlace }))
    .filter(({ parameter, values }) => reads(method, parameter) && values.length > 0);
  const points = axes.reduce<(typeof start)[]>(
    (found, { parameter, values, axisPlace }) =>
      found.flatMap((point) =>
        values.map((value, number) => ({
          ...point,
          parameters: { ...point.parameters, [parameter]: value },
          sources: new Map(point.sources).set(parameter, `grid.${axisPlace}.values.${number}`),
          labels: [...point.labels, `${parameter}=${typeof value === 'string' ? value : JSON.stringify(value)}`],
        })),
      ),
    [start],
  );
  return points.map(({ labels, ...point }) => ({
    ...point,
    name: labels.length === 0 ? point.name : `${point.name} [${labels.join(', ')}]`,
  }));
}

/** The spec of a point for seed 0, or what is wrong with it, told by where in the definition it was given. */
function resolve(
  { data, vectors, execution }: ExperimentDefinition,
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
    execution,
  };
  const checked = parseRunSpec(input);
  if (checked.kind === 'valid') return checked;
  return {
    kind: 'invalid',
    // Whether a teacher is there at all is told once for the whole definition.
    problems: checked.problems
      .filter((problem) => !(problem.path === 'teacher' && teacher === null))
      .map(({ path: place, message }) => ({ path: pathInDefinition(place, path, sources), message })),
  };
}

function pathInDefinition(path: string, variantPath: string, sources: Map<string, string>): string {
  const [first, second = '', ...rest] = path.split('.');
  if (first === 'parameters') return [sources.get(second) ?? `${variantPath}.parameters.${second}`, ...rest].join('.');
  if (first === 'variant') return `${variantPath}.name`;
  if (first === 'method') return `${variantPath}.method`;
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
