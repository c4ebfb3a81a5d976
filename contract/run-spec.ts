import { z } from 'zod';
import { type MethodName, methodNames, methods } from './methods';
import { defaultSelectBy, selectByProblem } from './metrics';
import { type ParameterName, type ParameterOverrides, parametersSchema, pilotLearningRates } from './parameters';
import { illFormedTexts } from './well-formed';

/** An identifier that is safe as part of an object key. */
export const identifierSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, {
  error: 'must be 1 to 64 letters, digits, "-" or "_", beginning with a letter or a digit',
});

/**
 * Where an input lies: an absolute path (of any system), in a bucket, or on the Hugging Face hub. A relative path would
 * mean another file in every process that reads the definition.
 */
const locationSchema = (hubForm: string) =>
  z
    .string()
    .regex(/^(\/|[A-Za-z]:[\\/]|s3:\/\/[^/]+\/[^/]+|hf:[^/]+\/[^/]+)/, {
      error: `must be an absolute path, s3://bucket/path, or ${hubForm} on the Hugging Face hub`,
      abort: true,
    })
    .refine((location) => !location.startsWith('hf:') || isHubLocation(location), {
      error: `must be ${hubForm}, each part of letters, digits, "-", "_" and ".", and none of dots alone`,
    })
    .refine((location) => !location.includes('\0'), { error: 'has a NUL character: leave it out' });

/** Parts become folders of a cache: none may lead out of it. */
const isHubLocation = (location: string): boolean => {
  const [owner = '', name = '', ...path] = location.slice('hf:'.length).split('/');
  const isName = (part: string) => /^[\w.-]+(@[\w.-]+)?$/.test(part);
  return isName(owner) && isName(name) && [owner, ...name.split('@'), ...path].every((part) => !/^\.*$/.test(part));
};
const fileLocationSchema = locationSchema('hf:owner/name/path');

/** Where rows come from. A location is an absolute path, `s3://bucket/path`, or `hf:owner/name/path` on the Hugging Face hub. */
export const dataSchema = z.strictObject({
  train: fileLocationSchema.describe('Location of the train file (.csv, .jsonl); quiz and dev rows are taken from it.'),
  test: fileLocationSchema.describe('Location of the test file; it selects nothing.'),
  textColumn: z.string().min(1).default('text').describe('Column or field with the text.'),
  labelColumn: z.string().min(1).default('label').describe('Column or field with the class.'),
  classes: z
    .array(z.string().min(1))
    .min(2)
    .max(1000)
    .refine((classes) => new Set(classes).size === classes.length, { error: 'names a class twice' })
    .nullable()
    .default(null)
    .describe(
      'Labels in the order of the logits; null: those of the train file, sorted (numerically where all are numbers).',
    ),
});
export type DataDefinition = z.output<typeof dataSchema>;

/** What a model that is not here said of the train rows. */
export const labelsTeacherSchema = z.strictObject({
  kind: z.literal('labels'),
  location: fileLocationSchema.describe(
    'File (.csv, .jsonl, .parquet) with what a model of any kind says of the train rows.',
  ),
  gives: z
    .enum(['label', 'probabilities', 'logits'])
    .default('label')
    .describe('What it says of a row: the class, or a number for every class.'),
  columns: z
    .array(z.string().min(1))
    .min(1)
    .max(1000)
    .nullable()
    .default(null)
    .describe(
      'The column with the class, or a column a class in the order of the classes; null: `label`, or columns named as the classes.',
    ),
  matchBy: z
    .enum(['text', 'row'])
    .default('text')
    .describe('Whether rows are found by their text or by their number in the train file, from 0.'),
  matchColumn: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('The column with the text or the number; null: `text` or `row`.'),
});

const folderSourceSchema = z.strictObject({
  kind: z.literal('folder'),
  location: locationSchema('hf:owner/name').describe(
    'A Hugging Face folder: an absolute path, `s3://bucket/path`, or `hf:owner/name` (optionally `@revision`).',
  ),
});
const randomSourceSchema = z.strictObject({
  kind: z.literal('random'),
  layers: z.int().min(1).max(48).default(2),
  hidden: z.int().min(4).max(4096).default(128),
  heads: z.int().min(1).max(64).default(2),
  intermediate: z.int().min(4).max(16384).default(512),
});
const runSourceSchema = z.strictObject({
  kind: z.literal('run'),
  runId: identifierSchema.describe('A run whose model is taken; it must have succeeded before this one begins.'),
  groupId: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Variant group of that run where every seed takes a run of its own; left out where all seeds take the same run.',
    ),
});

/** Where the teacher's weights, or its answers, come from. */
export const teacherSchema = z.discriminatedUnion('kind', [
  folderSourceSchema,
  randomSourceSchema,
  runSourceSchema,
  labelsTeacherSchema,
]);
export type TeacherSource = z.output<typeof teacherSchema>;

/** Where the student comes from. */
export const studentSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('bilstm').describe('A new BiLSTM; its sizes are hyper-parameters.'),
    vectors: fileLocationSchema
      .nullable()
      .default(null)
      .describe('Location of word vectors in GloVe format; null: random vectors.'),
  }),
  folderSourceSchema,
  randomSourceSchema,
  runSourceSchema,
]);
export type StudentSource = z.output<typeof studentSchema>;

/** Where a model of either side comes from. */
export type ModelSource = Exclude<TeacherSource, { kind: 'labels' }> | StudentSource;

/** How a run is carried out; nothing here changes its result. */
export const executionSchema = z.strictObject({
  engine: z.enum(['auto', 'native', 'portable']).default('auto').describe('auto: native where installed.'),
  device: z.enum(['auto', 'cpu', 'gpu']).default('auto').describe('gpu: an error where none is found.'),
  threads: z
    .int()
    .min(1)
    .max(256)
    .nullable()
    .default(null)
    .describe('Threads of the engine; null: its share of the cores.'),
  logEverySteps: z.int().min(1).max(10_000).default(10).describe('Steps between two metric records.'),
  checkpointSeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(60)
    .describe('Seconds between two checkpoints; one is also written at the end of every epoch.'),
});

/** Version of the run spec that this program writes. It reads the earlier ones too: see `upgradedSpec`. */
export const runSpecVersion = 2;

const specShape = {
  version: z
    .literal(runSpecVersion, { error: `is no known version: this program reads 1 and ${runSpecVersion}` })
    .default(runSpecVersion),
  runId: identifierSchema,
  experimentId: identifierSchema.nullable().default(null),
  variant: z.string().min(1).max(100).default('default').describe('Name of the variant this run belongs to.'),
  method: z.enum(methodNames),
  seed: z.int().min(0).max(0xffffffff).default(0),
  data: dataSchema,
  teacher: teacherSchema.nullable().default(null),
  student: studentSchema.nullable().default(null),
  parameters: parametersSchema.prefault({}),
  selectBy: z
    .string()
    .default(defaultSelectBy)
    .describe('Metric on the dev rows whose best epoch, the earliest of equals, is the model of the run.'),
  execution: executionSchema.prefault({}),
};

export const runSpecSchema = z.strictObject(specShape).check((context) => {
  for (const { path, message, input } of problemsOfParts(context.value))
    context.issues.push({ code: 'custom', path, message, input });
});

interface PartProblem {
  path: string[];
  message: string;
  /** The value that was given. */
  input: unknown;
}

/** Parts of a spec that are valid by themselves and do not fit each other. */
function problemsOfParts(spec: z.output<z.ZodObject<typeof specShape>>): PartProblem[] {
  const { method, parameters, selectBy } = spec;
  const { needs } = methods[method];
  const problems: PartProblem[] = [];
  const wrongSelection = selectByProblem(selectBy);
  if (wrongSelection !== null) problems.push({ path: ['selectBy'], message: wrongSelection, input: selectBy });
  problems.push(...teacherProblems(spec), ...studentProblems(spec));
  if (needs.quiz && parameters.quizShare === 0)
    problems.push({
      path: ['parameters', 'quizShare'],
      message: `method "${method}" learns from quiz rows: quizShare must be above 0`,
      input: 0,
    });
  return problems;
}

function teacherProblems({ method, teacher, data }: z.output<z.ZodObject<typeof specShape>>): PartProblem[] {
  const { needs } = methods[method];
  if (teacher === null)
    return needs.teacher === 'none'
      ? []
      : [
          {
            path: ['teacher'],
            message: `method "${method}" needs a teacher: give a folder, a random size or a run`,
            input: teacher,
          },
        ];
  if (teacher.kind !== 'labels') return sizeProblems('teacher', teacher);
  const problems: PartProblem[] = [];
  if (needs.teacher !== 'none' && needs.teacher !== 'logits') {
    const reason = needs.teacher === 'weights' ? 'teaches the teacher' : "reads the teacher's inner states";
    problems.push({
      path: ['teacher', 'kind'],
      message: `method "${method}" ${reason}, which a file of labels does not allow: give a folder, a random size or a run, or use kd`,
      input: teacher.kind,
    });
  }
  const { gives, columns } = teacher;
  const count = gives === 'label' ? 1 : (data.classes?.length ?? null);
  if (columns !== null && count !== null && columns.length !== count)
    problems.push({
      path: ['teacher', 'columns'],
      message: `${columns.length} columns: ${gives} take ${gives === 'label' ? 'one' : `one a class, ${count}`}`,
      input: columns,
    });
  return problems;
}

function studentProblems({ method, student, parameters }: z.output<z.ZodObject<typeof specShape>>): PartProblem[] {
  const { trains, needs } = methods[method];
  if (trains === 'teacher')
    return student === null
      ? []
      : [
          {
            path: ['student'],
            message: `method "${method}" trains the teacher: leave the student out`,
            input: student,
          },
        ];
  if (student === null) return [{ path: ['student'], message: `method "${method}" needs a student`, input: student }];
  const problems = sizeProblems('student', student);
  if (needs.student === 'trained' && (student.kind === 'bilstm' || student.kind === 'random'))
    problems.push({
      path: ['student', 'kind'],
      message: `${method} compresses a trained model: give a run or a folder`,
      input: student.kind,
    });
  if (needs.student !== 'attention') return problems;
  if (student.kind === 'folder' || student.kind === 'random')
    problems.push({
      path: ['student', 'kind'],
      message: `${method} teaches the attention of a BiLSTM: give kind "bilstm", or the run of one`,
      input: student.kind,
    });
  else if (parameters.studentPooling !== 'attention')
    problems.push({
      path: ['parameters', 'studentPooling'],
      message: `${method} teaches the attention of its student: studentPooling must be "attention"`,
      input: parameters.studentPooling,
    });
  return problems;
}

function sizeProblems(role: 'teacher' | 'student', source: ModelSource): PartProblem[] {
  if (source.kind !== 'random' || source.hidden % source.heads === 0) return [];
  const message = `${source.heads} heads do not divide a hidden size of ${source.hidden}`;
  return [{ path: [role, 'heads'], message, input: source.heads }];
}

/** Epochs of a run: a transformation is evaluated once, as one epoch. */
export const epochsOf = ({ method, parameters }: Pick<RunSpec, 'method' | 'parameters'>): number =>
  methods[method].kind === 'transform' ? 1 : parameters.epochs;

/** Seed by which the train rows of a run are split into train, quiz and dev rows. */
export const splitSeedOf = ({ parameters, seed }: Pick<RunSpec, 'parameters' | 'seed'>): number =>
  parameters.splitSeed ?? seed;

/** Ids of the runs whose models a run takes: it begins when all of them have succeeded. */
export function dependenciesOf({ teacher, student }: Pick<RunSpec, 'teacher' | 'student'>): string[] {
  const ids = [teacher, student].flatMap((source) => (source?.kind === 'run' ? [source.runId] : []));
  return [...new Set(ids)];
}

/** The full, resolved definition of a run: all the trainer needs besides its inputs. */
export type RunSpec = z.output<typeof runSpecSchema>;

/** The spec as a user writes it: defaults are filled in by `parseRunSpec`. */
export type RunSpecInput = z.input<typeof runSpecSchema>;

/** One thing wrong with an input. `path` is dotted: `parameters.alpha`. */
export interface Problem {
  path: string;
  message: string;
}

/** The outcome of a check on something a user gave: the value, or everything that is wrong with it. */
export type Checked<T> = { kind: 'valid'; value: T } | { kind: 'invalid'; problems: Problem[] };

/**
 * A spec of any version in the form of the present one. Version 1 knew one kind of student, a new BiLSTM, and named its `vectors`
 * beside it. A spec that names neither version nor student is read as version 1.
 */
export function upgradedSpec(input: unknown): unknown {
  const spec = asObject(input);
  if (spec === null || (spec.version !== 1 && (spec.version !== undefined || spec.student !== undefined))) return input;
  const { vectors = null, ...rest } = spec;
  const trains = methodNames.some((name) => name === spec.method) ? methods[spec.method as MethodName].trains : null;
  return { ...rest, version: runSpecVersion, student: trains === 'student' ? { kind: 'bilstm', vectors } : null };
}

/** The spec that stands in a record or an object, whichever version wrote it. */
export const storedSpecSchema = z.preprocess(upgradedSpec, runSpecSchema);

/** The spec of a record of the database, which was checked when it was stored. */
export const specOfRecord = (json: string): RunSpec => upgradedSpec(JSON.parse(json)) as RunSpec;

/** Checks a run definition and fills in every default, those of its method before the general ones. */
export function parseRunSpec(input: unknown): Checked<RunSpec> {
  const parsed = runSpecSchema.safeParse(withMethodDefaults(upgradedSpec(input)), { reportInput: true });
  if (!parsed.success) return { kind: 'invalid', problems: problemsOf(parsed.error) };
  const problems = illFormedTexts(parsed.data, '');
  return problems.length > 0 ? { kind: 'invalid', problems } : { kind: 'valid', value: parsed.data };
}

/**
 * Hyper-parameters among `given` that `method` does not read: setting one would change nothing and look as if it did.
 * For definitions written by a person; a resolved spec holds every hyper-parameter.
 */
export function unreadParameters(method: MethodName, given: ParameterOverrides): ParameterName[] {
  const read: readonly ParameterName[] = methods[method].parameters;
  return (Object.keys(given) as ParameterName[]).filter(
    (name) => name in parametersSchema.shape && !read.includes(name),
  );
}

/** All issues of a zod error as problems with dotted paths and, where it was parsed with `reportInput`, what was given. */
export function problemsOf(error: z.ZodError): Problem[] {
  return error.issues.map(({ path, message, code, input }) => ({
    path: path.join('.'),
    message: input === undefined || code === 'unrecognized_keys' ? message : `${message}; given ${excerpt(input)}`,
  }));
}

const excerpt = (value: unknown): string => JSON.stringify(value).slice(0, 200);

function withMethodDefaults(input: unknown): unknown {
  const definition = asObject(input);
  const method = methodNames.find((name) => name === definition?.method);
  if (definition === null || method === undefined) return input;
  const given = definition.parameters ?? {};
  if (asObject(given) === null) return input;
  return { ...definition, parameters: { ...methods[method].defaults, ...pilotDefault(given), ...given } };
}

/** The learning rate that suits the pilot that is asked for. */
function pilotDefault({ pilotOptimizer }: { pilotOptimizer?: unknown }): ParameterOverrides {
  const optimizer = (Object.keys(pilotLearningRates) as (keyof typeof pilotLearningRates)[]).find(
    (name) => name === pilotOptimizer,
  );
  return optimizer === undefined ? {} : { pilotLearningRate: pilotLearningRates[optimizer] };
}

function asObject(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}
