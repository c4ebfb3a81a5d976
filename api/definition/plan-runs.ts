import { methods } from '../../contract/methods';
import {
  type Checked,
  type Problem,
  parseRunSpec,
  type RunSpec,
  runSpecVersion,
  type TeacherSource,
} from '../../contract/run-spec';
import { limits } from '../shared/limits';
import { isMethod, reads } from './catalogue';
import { checkDefinition, checkSizes } from './check-definition';
import { type ExperimentDefinition, type ExperimentTeacher, teacherVariant } from './definition';
import { variantGroupId } from './variant-group';
import { type ModelRole, modelRoles } from './variant-models';
import { chainReads, type VariantPoint, variantPoints } from './variant-points';

const finetunePath = 'teacher.finetune';

const standIn: VariantPoint = {
  name: 'kd',
  method: 'kd',
  path: 'variants',
  parameters: {},
  sources: new Map(),
  models: {},
};

/**
 * Hyper-parameters of the experiment that its own teacher's fine-tuning takes too: which rows and which part of a row
 * there are. Others, such as epochs, mean the students.
 */
const parametersOfTheData = ['preprocessing', 'quizShare', 'devShare', 'splitSeed', 'trainShare', 'maxTokens'];

/**
 * The runs of an experiment: the teacher's fine-tuning first, then variants in the order given, the points of grid and
 * random search within, seeds within. Or everything that is wrong with the definition, at once.
 */
export function planRuns(definition: ExperimentDefinition, experimentId: string): Checked<RunSpec[]> {
  const sizes = checkSizes(definition);
  if (sizes.length > 0) return { kind: 'invalid', problems: sizes };
  const problems = checkDefinition(definition);
  const tooMany = checkCount(definition);
  // Before anything is expanded: the product of the axes could fill the memory.
  if (tooMany !== null) return { kind: 'invalid', problems: [...problems, tooMany] };
  const points = variantPoints(definition);
  const teacherPoint = teacherPointOf(definition);
  const resolved = [
    ...(teacherPoint ? [{ point: teacherPoint, seeds: [definition.teacher?.finetune?.seed ?? 0] }] : []),
    // A definition whose variants are all unreadable is checked by a stand-in, so that its other problems are found too.
    ...(points.length > 0 ? points : [standIn]).map((point) => ({ point, seeds: definition.seeds })),
  ].map((planned) => ({ ...planned, checked: resolve(definition, planned.point, experimentId) }));
  for (const { checked } of resolved) if (checked.kind === 'invalid') problems.push(...checked.problems);
  if (problems.length > 0) return { kind: 'invalid', problems: withoutRepeats(problems) };

  const specs = specsOf(resolved, experimentId);
  const tooLarge = checkSize(specs);
  return tooLarge === null ? { kind: 'valid', value: specs } : { kind: 'invalid', problems: [tooLarge] };
}

interface ResolvedPoint {
  point: VariantPoint;
  seeds: readonly number[];
  checked: Checked<RunSpec>;
}

/** The specs of all runs: with their ids and seeds, and the runs whose models they take. */
function specsOf(resolved: readonly ResolvedPoint[], experimentId: string): RunSpec[] {
  const runId = (position: number) => `${experimentId}-${String(position).padStart(4, '0')}`;
  const places = new Map<VariantPoint, { first: number; spec: RunSpec }>();
  let count = 0;
  for (const { point, seeds, checked } of resolved) {
    if (checked.kind === 'valid') places.set(point, { first: count, spec: checked.value });
    count += seeds.length;
  }
  const groupIds = new Map<VariantPoint, string>();
  const groupOf = (point: VariantPoint): string => {
    const groupId = groupIds.get(point) ?? variantGroupId(specAt(point, 0));
    groupIds.set(point, groupId);
    return groupId;
  };
  const specAt = (point: VariantPoint, seedPlace: number): RunSpec => {
    const { first, spec } = places.get(point)!;
    const sources = modelRoles.flatMap((role) => {
      const model = point.models[role];
      if (model?.kind !== 'point') return [];
      const run = { kind: 'run', runId: runId(places.get(model.point)!.first + seedPlace) } as const;
      return [[role, { ...run, groupId: groupOf(model.point) }] as const];
    });
    return { ...spec, runId: runId(first + seedPlace), ...Object.fromEntries(sources) };
  };
  return resolved.flatMap(({ point, seeds }) => seeds.map((seed, place) => ({ ...specAt(point, place), seed })));
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

function checkCount(definition: ExperimentDefinition): Problem | null {
  const { variants, grid, random, seeds, teacher } = definition;
  const points = variants
    .map((variant) => {
      const isRead = ({ parameter }: { parameter: string }) => chainReads(definition, variant, parameter);
      const isDrawn = random?.space.some(isRead) ?? false;
      // Empty axes are reported by the definition's own checks and make no points.
      return grid
        .filter(isRead)
        .reduce(
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
function baseTeacher(teacher: ExperimentTeacher | null): TeacherSource | null {
  if (teacher?.folder !== undefined) return { kind: 'folder', location: teacher.folder };
  if (teacher?.run !== undefined) return { kind: 'run', runId: teacher.run };
  if (teacher?.labels !== undefined) return { kind: 'labels', ...teacher.labels } as TeacherSource;
  // The contract fills in the sizes that are left out.
  if (teacher?.random !== undefined) return { kind: 'random', ...teacher.random } as TeacherSource;
  return null;
}

function teacherPointOf({ teacher, parameters }: ExperimentDefinition): VariantPoint | null {
  const finetune = teacher?.finetune;
  if (!finetune || !isMethod(finetune.method)) return null;
  const shared = Object.entries(parameters).filter(([name]) => parametersOfTheData.includes(name));
  const path = finetunePath;
  return {
    name: teacherVariant,
    method: finetune.method,
    path,
    parameters: { ...Object.fromEntries(shared), ...finetune.parameters },
    sources: new Map([
      ...shared.map(([name]) => [name, `parameters.${name}`] as const),
      ...Object.keys(finetune.parameters).map((name) => [name, `${path}.parameters.${name}`] as const),
    ]),
    models: {},
  };
}

/** The spec of a point for seed 0, or what is wrong with it, told by where in the definition it was given. */
function resolve(definition: ExperimentDefinition, point: VariantPoint, experimentId: string): Checked<RunSpec> {
  const { data, execution, selectBy } = definition;
  const { name, method, parameters, models } = point;
  const known = Object.fromEntries(Object.entries(parameters).filter(([parameter]) => reads(method, parameter)));
  const ownTeacher = { kind: 'run', runId: `${experimentId}-0000` } as const;
  const sourceOf = (role: ModelRole) => {
    const model = models[role];
    if (model === undefined) return undefined;
    // The runs of another point are filled in once their ids are known.
    return model.kind === 'source' ? model.source : ownTeacher;
  };
  const isTeacher = point.name === teacherVariant && point.path === finetunePath;
  const teacher =
    sourceOf('teacher') ?? (definition.teacher?.finetune && !isTeacher ? ownTeacher : baseTeacher(definition.teacher));
  const student = sourceOf('student') ?? { kind: 'bilstm', vectors: definition.vectors };
  const checked = parseRunSpec({
    version: runSpecVersion,
    runId: experimentId,
    experimentId,
    variant: name,
    method,
    data,
    teacher: methods[method].needs.teacher !== 'none' ? teacher : null,
    student: methods[method].trains === 'student' ? student : null,
    parameters: known,
    selectBy,
    execution,
  });
  if (checked.kind === 'valid') return checked;
  return {
    kind: 'invalid',
    // A missing model is reported once for the whole definition.
    problems: checked.problems
      .filter(({ path }) => !(path === 'teacher' && teacher === null) && !isMissingStudent(point, path))
      .map(({ path, message }) => ({ path: pathInDefinition(path, point, definition), message })),
  };
}

const isMissingStudent = ({ models }: VariantPoint, path: string): boolean =>
  path.startsWith('student.kind') && models.student === undefined;

/** Where in the definition that was given which stands at `path` in the spec of a point. */
function pathInDefinition(
  path: string,
  { path: variantPath, sources, models }: VariantPoint,
  { teacher }: ExperimentDefinition,
): string {
  const [first = '', second = '', ...rest] = path.split('.');
  if (first === 'parameters') return [sources.get(second) ?? `${variantPath}.parameters.${second}`, ...rest].join('.');
  if (first === 'variant' || first === 'method') return `${variantPath}.${first === 'variant' ? 'name' : 'method'}`;
  if (first !== 'teacher' && first !== 'student') return path;
  if (models[first] !== undefined) return `${variantPath}.${modelPath(first, second)}`;
  if (first === 'student') return second === 'vectors' ? 'vectors' : `${variantPath}.method`;
  if (teacher?.labels !== undefined)
    return second === 'kind' ? 'teacher.labels' : ['teacher.labels', second, ...rest].join('.');
  return modelPath('teacher', second);
}

function modelPath(role: ModelRole, field: string): string {
  if (field === '' || field === 'kind') return role;
  if (field === 'location') return `${role}.folder`;
  return field === 'runId' ? `${role}.run` : `${role}.random.${field}`;
}

function withoutRepeats(problems: Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const key = `${path} ${message}`;
    return !seen.has(key) && seen.add(key);
  });
}
