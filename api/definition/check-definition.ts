import { computeSchema } from '../../contract/compute';
import { type MethodName, methodNames, methods } from '../../contract/methods';
import { parametersSchema } from '../../contract/parameters';
import { type Problem, problemsOf } from '../../contract/run-spec';
import { isMethod, reads } from './catalogue';
import { type ExperimentDefinition, teacherVariant } from './definition';
import { randomSearchProblems } from './random-search';
import { suggestion } from './similar-name';
import { variantModelProblems } from './variant-models';

/** Sizes of a definition; the number of runs has its own limit. */
const allowed = {
  nameLength: 200,
  questionLength: 5000,
  variants: 50,
  seeds: 100,
  axes: 8,
  axisValues: 50,
  dimensions: 16,
  tags: 20,
};
const tagLength = 50;
const largestSeed = 0xffffffff;

/** Lists of a definition that are too long; nothing else of such a definition is looked at. */
export function checkSizes({ variants, seeds, grid, random, tags }: ExperimentDefinition): Problem[] {
  const tooLong = (path: string, list: readonly unknown[], most: number, what: string) =>
    list.length > most ? [{ path, message: `${list.length} ${what}, at most ${most} are allowed` }] : [];
  return [
    ...tooLong('variants', variants, allowed.variants, 'variants'),
    ...tooLong('seeds', seeds, allowed.seeds, 'seeds'),
    ...tooLong('grid', grid, allowed.axes, 'axes'),
    ...grid.flatMap(({ values }, place) => tooLong(`grid.${place}.values`, values, allowed.axisValues, 'values')),
    ...tooLong('random.space', random?.space ?? [], allowed.dimensions, 'hyper-parameters'),
    ...tooLong('tags', tags, allowed.tags, 'tags'),
  ];
}

/** Everything wrong with a definition within `checkSizes`, apart from the values of hyper-parameters, data and execution. */
export function checkDefinition(definition: ExperimentDefinition): Problem[] {
  const problems: Problem[] = [];
  const problem = (path: string, message: string) => problems.push({ path, message });
  checkLabels(definition, problem);
  checkTeacher(definition, problem);
  checkVariants(definition, problem);
  for (const { path, message } of variantModelProblems(definition)) problem(path, message);
  checkSeeds(definition, problem);
  checkSharedParameters(definition, problem);
  checkGrid(definition, problem);
  checkCompute(definition, problem);
  checkRandomSearch(definition, problem);
  checkHalving(definition, problem);
  return problems;
}

type Report = (path: string, message: string) => void;

function checkLabels({ name, question, tags }: ExperimentDefinition, problem: Report): void {
  if (name.trim() === '') problem('name', 'is empty: give the experiment a name');
  if (name.length > allowed.nameLength)
    problem('name', `has ${name.length} characters, at most ${allowed.nameLength} are allowed`);
  if (question.length > allowed.questionLength)
    problem('question', `has ${question.length} characters, at most ${allowed.questionLength} are allowed`);
  for (const { path, message } of checkTags(tags)) problem(path, message);
}

/** Everything wrong with a list of tags. */
export function checkTags(tags: readonly string[], path = 'tags'): Problem[] {
  if (tags.length > allowed.tags)
    return [{ path, message: `${tags.length} tags, at most ${allowed.tags} are allowed` }];
  const problems: Problem[] = [];
  tags.forEach((tag, place) => {
    const message =
      tag.trim() === '' || tag !== tag.trim() || tag.length > tagLength
        ? `"${tag}" must be 1 to ${tagLength} characters without spaces around them`
        : tags.indexOf(tag) < place
          ? `"${tag}" is given twice`
          : null;
    if (message !== null) problems.push({ path: `${path}.${place}`, message });
  });
  return problems;
}

function checkTeacher({ teacher, variants }: ExperimentDefinition, problem: Report): void {
  if (teacher === null) {
    const needing = variants.filter(
      ({ method, teacher: own }) => own === undefined && isMethod(method) && methods[method].needs.teacher !== 'none',
    );
    if (needing.length > 0)
      problem(
        'teacher',
        `is missing: ${needing.map(({ name }) => `"${name}"`).join(', ')} need one; give a folder, a random size or a run`,
      );
    return;
  }
  const given = (['folder', 'random', 'run', 'labels'] as const).filter((kind) => teacher[kind] !== undefined);
  if (given.length !== 1)
    problem(
      'teacher',
      `has ${given.length === 0 ? 'none' : given.join(' and ')} of folder, random, run, labels: give exactly one`,
    );
  const finetune = teacher.finetune;
  if (finetune === undefined) return;
  if (teacher.labels !== undefined)
    problem(
      'teacher.finetune',
      'a file of labels cannot be fine-tuned: leave it out, or give a folder, a random size or a run',
    );
  if (!isMethod(finetune.method) || methods[finetune.method].trains !== 'teacher')
    problem('teacher.finetune.method', `"${finetune.method}" trains no teacher: use finetune or finetune-lora`);
  else checkNames(finetune.parameters, finetune.method, 'teacher.finetune.parameters', problem);
  if (!isSeed(finetune.seed)) problem('teacher.finetune.seed', seedMessage(finetune.seed));
  variants.forEach(({ name }, place) => {
    if (name === teacherVariant)
      problem(`variants.${place}.name`, `"${teacherVariant}" is the name of the fine-tuned teacher: take another`);
  });
}

function checkVariants({ variants }: ExperimentDefinition, problem: Report): void {
  if (variants.length === 0) problem('variants', 'is empty: give at least one variant');
  variants.forEach(({ name, method, parameters }, place) => {
    const path = `variants.${place}`;
    if (name.trim() === '') problem(`${path}.name`, 'is empty: give the variant a name');
    if (variants.findIndex((other) => other.name === name) < place)
      problem(`${path}.name`, `"${name}" is the name of another variant as well`);
    if (!isMethod(method))
      problem(
        `${path}.method`,
        `"${method}" is not a method: use one of ${methodNames.join(', ')}${suggestion(method, methodNames)}`,
      );
    else checkNames(parameters, method, `${path}.parameters`, problem);
  });
}

/** Names among `given` that do not exist, or that the method does not read. */
function checkNames(given: object, method: MethodName, path: string, problem: Report): void {
  for (const name of Object.keys(given))
    if (!isParameter(name))
      problem(
        `${path}.${name}`,
        `there is no hyper-parameter "${name}"; ${method} reads ${namesRead(method)}${suggestion(name, methods[method].parameters)}`,
      );
    else if (!reads(method, name))
      problem(
        `${path}.${name}`,
        `${method} does not read "${name}", so it would change nothing; it reads ${namesRead(method)}`,
      );
}

const isParameter = (name: string): boolean => Object.hasOwn(parametersSchema.shape, name);
const namesRead = (method: MethodName): string => methods[method].parameters.join(', ');

function checkSeeds({ seeds }: ExperimentDefinition, problem: Report): void {
  if (seeds.length === 0) problem('seeds', 'is empty: give at least one seed');
  seeds.forEach((seed, place) => {
    if (!isSeed(seed)) problem(`seeds.${place}`, seedMessage(seed));
    else if (seeds.indexOf(seed) < place)
      problem(`seeds.${place}`, `${seed} is given twice: it would make the same run twice`);
  });
}

const isSeed = (seed: number): boolean => Number.isInteger(seed) && seed >= 0 && seed <= largestSeed;
const seedMessage = (seed: number): string => `${seed} must be a whole number from 0 to ${largestSeed}`;

function checkSharedParameters({ parameters, variants }: ExperimentDefinition, problem: Report): void {
  for (const name of Object.keys(parameters))
    if (!isParameter(name)) problem(`parameters.${name}`, unknownParameter(name));
    else if (!variants.some(({ method }) => reads(method, name)))
      problem(`parameters.${name}`, `no variant reads "${name}": remove it, or add a variant whose method does`);
}

function unknownParameter(name: string): string {
  const names = Object.keys(parametersSchema.shape);
  return `there is no hyper-parameter "${name}"; there are ${names.join(', ')}${suggestion(name, names)}`;
}

function checkGrid(definition: ExperimentDefinition, problem: Report): void {
  const { grid } = definition;
  grid.forEach(({ parameter, values }, place) => {
    const path = `grid.${place}`;
    checkVaried(definition, parameter, `${path}.parameter`, 'an axis of the grid', problem);
    if (grid.findIndex((axis) => axis.parameter === parameter) < place)
      problem(`${path}.parameter`, `"${parameter}" is an axis already: give all its values there`);
    if (values.length === 0) problem(`${path}.values`, `is empty: give 1 to ${allowed.axisValues} values`);
    const texts = values.map((value) => JSON.stringify(value));
    texts.forEach((text, number) => {
      if (texts.indexOf(text) < number) problem(`${path}.values.${number}`, `${text} is given twice`);
    });
  });
}

function checkCompute({ compute = {}, maxCost = null }: ExperimentDefinition, problem: Report): void {
  const parsed = computeSchema.safeParse(compute, { reportInput: true });
  if (!parsed.success) for (const { path, message } of problemsOf(parsed.error)) problem(`compute.${path}`, message);
  for (const { path, message } of checkMaxCost(maxCost)) problem(path, message);
}

/** What is wrong with the most that an experiment may cost, in USD. */
export function checkMaxCost(maxCost: number | null): Problem[] {
  if (maxCost === null || (Number.isFinite(maxCost) && maxCost > 0)) return [];
  return [{ path: 'maxCost', message: `${maxCost} must be a number above 0 (USD), or null for no limit` }];
}

/** A hyper-parameter that takes several values must be read by somebody, and be given nowhere else. */
function checkVaried(
  { variants, parameters }: ExperimentDefinition,
  parameter: string,
  path: string,
  what: string,
  problem: Report,
): void {
  if (!isParameter(parameter)) problem(path, unknownParameter(parameter));
  else if (!variants.some(({ method }) => reads(method, parameter)))
    problem(path, `no variant reads "${parameter}": remove it, or add a variant whose method does`);
  if (Object.hasOwn(parameters, parameter))
    problem(`parameters.${parameter}`, `"${parameter}" is ${what} as well: give it in one place`);
  variants.forEach((variant, number) => {
    if (Object.hasOwn(variant.parameters, parameter))
      problem(`variants.${number}.parameters.${parameter}`, `"${parameter}" is ${what} as well: give it in one place`);
  });
}

function checkRandomSearch(definition: ExperimentDefinition, problem: Report): void {
  const { random, grid } = definition;
  if (!random) return;
  for (const { path, message } of randomSearchProblems(random)) problem(path, message);
  random.space.forEach(({ parameter }, place) => {
    const path = `random.space.${place}.parameter`;
    checkVaried(definition, parameter, path, 'drawn at random', problem);
    if (grid.some((axis) => axis.parameter === parameter))
      problem(path, `"${parameter}" is an axis of the grid as well: give it in one place`);
  });
}

function checkHalving({ halving }: ExperimentDefinition, problem: Report): void {
  if (!halving) return;
  const { minEpochs, reduction } = halving;
  if (!Number.isInteger(minEpochs) || minEpochs < 1)
    problem('halving.minEpochs', `${minEpochs} must be a whole number of 1 or more`);
  if (!Number.isInteger(reduction) || reduction < 2 || reduction > 10)
    problem('halving.reduction', `${reduction} must be a whole number from 2 to 10`);
}
