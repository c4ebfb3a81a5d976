import { z } from 'zod';
import { type MethodName, methodNames, methods } from './methods';
import { defaultSelectBy, selectByProblem } from './metrics';
import { type ParameterName, type ParameterOverrides, parametersSchema, pilotLearningRates } from './parameters';

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

/** Where the teacher's weights, or what it says, come from. */
export const teacherSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('folder'),
    location: locationSchema('hf:owner/name').describe(
      'A Hugging Face folder: an absolute path, `s3://bucket/path`, or `hf:owner/name` (optionally `@revision`).',
    ),
  }),
  z.strictObject({
    kind: z.literal('random'),
    layers: z.int().min(1).max(48).default(2),
    hidden: z.int().min(4).max(4096).default(128),
    heads: z.int().min(1).max(64).default(2),
    intermediate: z.int().min(4).max(16384).default(512),
  }),
  z.strictObject({ kind: z.literal('run'), runId: identifierSchema.describe('A finished fine-tuning run.') }),
  labelsTeacherSchema,
]);
export type TeacherDefinition = z.output<typeof teacherSchema>;

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

export const runSpecSchema = z
  .strictObject({
    version: z.literal(1).default(1),
    runId: identifierSchema,
    experimentId: identifierSchema.nullable().default(null),
    variant: z.string().min(1).max(100).default('default').describe('Name of the variant this run belongs to.'),
    method: z.enum(methodNames),
    seed: z.int().min(0).max(0xffffffff).default(0),
    data: dataSchema,
    teacher: teacherSchema.nullable().default(null),
    vectors: fileLocationSchema
      .nullable()
      .default(null)
      .describe('Location of word vectors in GloVe format for the student; null: random.'),
    parameters: parametersSchema.prefault({}),
    selectBy: z
      .string()
      .default(defaultSelectBy)
      .describe('Metric on the dev rows whose best epoch, the earliest of equals, is the model of the run.'),
    execution: executionSchema.prefault({}),
  })
  .check((context) => {
    const { method, teacher, parameters, data, selectBy } = context.value;
    const { needs } = methods[method];
    const problem = (path: (string | number)[], message: string, input: unknown) =>
      context.issues.push({ code: 'custom', path, message, input });
    const wrongSelection = selectByProblem(selectBy);
    if (wrongSelection !== null) problem(['selectBy'], wrongSelection, selectBy);
    if (needs.teacher !== 'none' && teacher === null)
      problem(
        ['teacher'],
        `method "${method}" needs a teacher: give a folder, a random size or a fine-tuning run`,
        teacher,
      );
    if (teacher?.kind === 'random' && teacher.hidden % teacher.heads !== 0)
      problem(
        ['teacher', 'heads'],
        `${teacher.heads} heads do not divide a hidden size of ${teacher.hidden}`,
        teacher.heads,
      );
    if (teacher?.kind === 'labels') {
      if (needs.teacher !== 'none' && needs.teacher !== 'logits')
        problem(
          ['teacher', 'kind'],
          `method "${method}" ${needs.teacher === 'weights' ? 'teaches the teacher' : "reads the teacher's inner states"}, which a file of labels does not allow: give a folder, a random size or a fine-tuning run, or use kd`,
          teacher.kind,
        );
      const { gives, columns } = teacher;
      const count = gives === 'label' ? 1 : (data.classes?.length ?? null);
      if (columns !== null && count !== null && columns.length !== count)
        problem(
          ['teacher', 'columns'],
          `${columns.length} columns: ${gives} take ${gives === 'label' ? 'one' : `one a class, ${count}`}`,
          columns,
        );
    }
    if (needs.student === 'attention' && parameters.studentPooling !== 'attention')
      problem(
        ['parameters', 'studentPooling'],
        `${method} teaches the attention of its student: studentPooling must be "attention"`,
        parameters.studentPooling,
      );
    if (needs.quiz && parameters.quizShare === 0)
      problem(['parameters', 'quizShare'], `method "${method}" learns from quiz rows: quizShare must be above 0`, 0);
  });

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

/** Checks a run definition and fills in every default, those of its method before the general ones. */
export function parseRunSpec(input: unknown): Checked<RunSpec> {
  const parsed = runSpecSchema.safeParse(withMethodDefaults(input), { reportInput: true });
  return parsed.success
    ? { kind: 'valid', value: parsed.data }
    : { kind: 'invalid', problems: problemsOf(parsed.error) };
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
